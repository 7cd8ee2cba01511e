"""DELETE /books/{id}: a book goes, with its pictures."""

import os

import boto3
from shop import answer, books, id_of, refusal

PICTURES = ("cover", "picture", "thumbnail")

s3 = boto3.client("s3")


def handler(event, context):
    """Nothing, with status 204; 404 when the book was gone before."""
    old = books.delete_item(Key={"id": id_of(event)}, ReturnValues="ALL_OLD").get("Attributes")
    if old is None:
        return refusal(404, "There is no such book.")
    for name in PICTURES:
        if name in old:
            s3.delete_object(Bucket=os.environ["COVERS"], Key=old[name])
    return answer(204)
