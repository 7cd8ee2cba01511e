"""GET /books/{id}: one book."""

from shop import answer, books, id_of, refusal


def handler(event, context):
    """The book, as it was last written."""
    found = books.get_item(Key={"id": id_of(event)}, ConsistentRead=True)
    if "Item" not in found:
        return refusal(404, "There is no such book.")
    return answer(200, found["Item"])
