"""POST /books: a new book."""

import uuid

from shop import BadRequest, answer, book_of, books, now, refusal


def handler(event, context):
    """The book as it was added, with its id."""
    try:
        book = book_of(event)
    except BadRequest as error:
        return refusal(400, str(error))
    at = now()
    book.update(id=str(uuid.uuid4()), addedAt=at, changedAt=at)
    books.put_item(Item=book, ConditionExpression="attribute_not_exists(id)")
    return answer(201, book)
