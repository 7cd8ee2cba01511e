"""POST /books/{id}/cover: the form by which a browser uploads a cover straight to S3."""

import os
import re
import time
import uuid

import boto3
from botocore.config import Config
from shop import BadRequest, answer, body_of, books, id_of, refusal

VALID_S = 300

# Said aloud, for boto3 still signs forms in the old way in some regions.
s3 = boto3.client("s3", config=Config(signature_version="s3v4"))


def handler(event, context):
    """`{"url", "fields", "key", "bytesMax"}`: an address, the fields that go before the file, and what S3 will accept:
    pictures only, of so many bytes, under this one key."""
    try:
        content_type = body_of(event).get("contentType", "")
    except BadRequest as error:
        return refusal(400, str(error))
    if not isinstance(content_type, str) or not re.fullmatch(r"image/[a-z0-9.+-]+", content_type):
        return refusal(400, "A cover is a picture.")
    book_id = id_of(event)
    if "Item" not in books.get_item(Key={"id": book_id}, ProjectionExpression="id"):
        return refusal(404, "There is no such book.")
    largest = int(os.environ["COVER_BYTES_MAX"])
    # Keys of one book sort by time: the later upload wins, in whatever order the pictures are drawn.
    key = f"uploads/{book_id}/{int(time.time() * 1000):013d}-{uuid.uuid4().hex[:8]}"
    form = s3.generate_presigned_post(
        Bucket=os.environ["COVERS"],
        Key=key,
        Fields={"Content-Type": content_type},
        Conditions=[["starts-with", "$Content-Type", "image/"], ["content-length-range", 1, largest]],
        ExpiresIn=VALID_S,
    )
    return answer(200, {**form, "key": key, "bytesMax": largest})
