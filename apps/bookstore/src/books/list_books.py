"""GET /books: the books, a page at a time."""

import base64
import binascii
import json

from shop import answer, books, refusal

PAGE = 100


def handler(event, context):
    """`{"books": [...], "next": token}`; `?next=` asks for the page after, and the last page has no token."""
    asked = {"Limit": PAGE}
    token = (event.get("queryStringParameters") or {}).get("next")
    if token:
        start = read_token(token)
        if start is None:
            return refusal(400, "There is no such page.")
        asked["ExclusiveStartKey"] = {"id": start}
    page = books.scan(**asked)
    found = {"books": page["Items"]}
    if "LastEvaluatedKey" in page:
        found["next"] = make_token(page["LastEvaluatedKey"]["id"])
    return answer(200, found)


def make_token(book_id):
    """A page's token: the last id of the page before, in letters that need no escape in a URL."""
    return base64.urlsafe_b64encode(json.dumps(book_id).encode()).decode()


def read_token(token):
    """The id in a token; None when it is none."""
    try:
        found = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError):
        return None
    return found if isinstance(found, str) and found else None
