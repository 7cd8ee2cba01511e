"""PUT /books/{id}: what is said about a book is replaced; its cover stays."""

from botocore.exceptions import ClientError
from shop import FIELDS, BadRequest, answer, book_of, books, id_of, now, refusal


def handler(event, context):
    """The book as it is now."""
    try:
        book = book_of(event)
    except BadRequest as error:
        return refusal(400, str(error))
    book["changedAt"] = now()
    gone = [name for name in (*FIELDS, "year") if name not in book]
    text = "SET " + ", ".join(f"#{name} = :{name}" for name in book)
    if gone:
        text += " REMOVE " + ", ".join(f"#{name}" for name in gone)
    try:
        done = books.update_item(
            Key={"id": id_of(event)},
            UpdateExpression=text,
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeNames={f"#{name}": name for name in (*book, *gone)},
            ExpressionAttributeValues={f":{name}": value for name, value in book.items()},
            ReturnValues="ALL_NEW",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return refusal(404, "There is no such book.")
        raise
    return answer(200, done["Attributes"])
