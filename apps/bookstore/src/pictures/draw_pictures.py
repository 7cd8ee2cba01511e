"""Covers: an upload in, two pictures out, and their keys in the book.

What people upload is never shown itself: it is drawn anew, so that whatever else was in the file is left behind.
"""

import io
import json
import os
from urllib.parse import unquote_plus

import boto3
from botocore.exceptions import ClientError
from PIL import Image, ImageOps, UnidentifiedImageError

SIZES = {"thumbnail": (320, 480), "picture": (900, 1350)}
BYTES_MAX = 32 * 1024 * 1024

# A picture that unpacks to more pixels than this is refused, instead of filling the memory.
Image.MAX_IMAGE_PIXELS = 60_000_000

s3 = boto3.client("s3")
books = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    """Draw the pictures of each uploaded cover; returns what became of each."""
    results = [handle_record(record) for record in event.get("Records", [])]
    print(json.dumps({"results": results}))
    return results


def handle_record(record):
    """One upload; errors of S3 and DynamoDB are raised, so that the event is tried again."""
    bucket = record["s3"]["bucket"]["name"]
    key = unquote_plus(record["s3"]["object"]["key"])
    parts = key.split("/")
    if len(parts) != 3 or parts[0] != "uploads":
        return {"key": key, "skipped": "no upload of a cover"}
    upload = s3.get_object(Bucket=bucket, Key=key)
    if upload["ContentLength"] > BYTES_MAX:
        return {"key": key, "skipped": f"larger than {BYTES_MAX} bytes"}
    try:
        drawn = draw(upload["Body"].read())
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        # Another attempt could not succeed: say so in the book, where the page looks for its picture.
        return {"key": key, "skipped": f"no picture that can be read: {error}", **enter(parts[1], key, {})}
    keys = {}
    for name, data in drawn.items():
        keys[name] = f"pictures/{parts[1]}/{parts[2]}-{name}.webp"
        s3.put_object(
            Bucket=bucket,
            Key=keys[name],
            Body=data,
            ContentType="image/webp",
            CacheControl="public, max-age=31536000, immutable",
        )
    return {"key": key, **keys, **enter(parts[1], key, keys)}


def draw(data):
    """The pictures of a cover by name, as WebP: upright, no larger than `SIZES`, transparency kept."""
    with Image.open(io.BytesIO(data)) as image:
        if image.format == "JPEG":
            image.draft("RGB", (SIZES["picture"][0] * 2, SIZES["picture"][1] * 2))
        upright = ImageOps.exif_transpose(image)
        see_through = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
        whole = upright.convert("RGBA" if see_through else "RGB")
    drawn = {}
    for name, size in SIZES.items():
        small = whole.copy()
        small.thumbnail(size, Image.Resampling.LANCZOS)
        out = io.BytesIO()
        small.save(out, "WEBP", quality=84, method=4)
        drawn[name] = out.getvalue()
    return drawn


def enter(book_id, cover, keys):
    """Write the keys into the book, unless it is gone or has a later cover already."""
    names = {"cover": cover, **keys} if keys else {"unreadableCover": cover}
    text = "SET " + ", ".join(f"{name} = :{name}" for name in names)
    if keys:
        text += " REMOVE unreadableCover"
    condition = "attribute_exists(id) AND (attribute_not_exists(cover) OR cover <= :this)"
    values = {f":{name}": value for name, value in names.items()}
    try:
        books.update_item(
            Key={"id": book_id},
            UpdateExpression=text,
            ConditionExpression=condition,
            ExpressionAttributeValues={**values, ":this": cover},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return {"entered": False}
    return {"entered": True}
