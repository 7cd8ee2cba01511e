"""Thumbnails: an S3 notification in, a small picture out.

For every object created under `raw/`, a picture that fits SIZE_MAX x SIZE_MAX is written under `thumbnails/` of
DESTINATION_BUCKET. Orientation from EXIF is applied, transparency and animation are kept. What is not a picture is
logged and left alone: another attempt could not succeed.
"""

import io
import json
import os
from urllib.parse import unquote_plus

import boto3
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

SOURCE_PREFIX = "raw/"
DESTINATION_PREFIX = "thumbnails/"
DESTINATION_BUCKET = os.environ["DESTINATION_BUCKET"]
SIZE_MAX = int(os.environ.get("SIZE_MAX", "128"))
BYTES_MAX = 64 * 1024 * 1024
FRAMES_MAX = 200
KEPT_FORMATS = {"JPEG": ".jpg", "PNG": ".png", "GIF": ".gif", "WEBP": ".webp"}

# A picture that unpacks to more pixels than this is refused, instead of filling the memory.
Image.MAX_IMAGE_PIXELS = 80_000_000

s3 = boto3.client("s3")


class NotAPicture(Exception):
    """The object cannot be made into a thumbnail, now or later."""


def handler(event, context):
    """Make a thumbnail for each record; returns what became of each."""
    results = [handle_record(record) for record in event.get("Records", [])]
    print(json.dumps({"results": results}))
    return results


def handle_record(record):
    """One record of the notification; errors of S3 are raised, so that the event is tried again."""
    bucket = record["s3"]["bucket"]["name"]
    key = unquote_plus(record["s3"]["object"]["key"])
    if not key.startswith(SOURCE_PREFIX) or key.endswith("/"):
        # Source and destination may be one bucket: what this function wrote must not start it again.
        return {"key": key, "skipped": f"not under {SOURCE_PREFIX}"}
    answer = s3.get_object(Bucket=bucket, Key=key)
    if answer["ContentLength"] > BYTES_MAX:
        return {"key": key, "skipped": f"larger than {BYTES_MAX} bytes"}
    try:
        data, image_format, size = make_thumbnail(answer["Body"].read())
    except NotAPicture as error:
        return {"key": key, "skipped": str(error)}
    target = destination_key(key, image_format)
    s3.put_object(
        Bucket=DESTINATION_BUCKET,
        Key=target,
        Body=data,
        ContentType=Image.MIME[image_format],
        Metadata={"source-size": f"{size[0]}x{size[1]}"},
    )
    return {"key": key, "thumbnail": f"s3://{DESTINATION_BUCKET}/{target}", "bytes": len(data)}


def make_thumbnail(data):
    """The thumbnail of a picture: its bytes, its format, and the size of the original in pixels."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            size = image.size
            frames = getattr(image, "n_frames", 1)
            if frames > 1 and image.format in ("GIF", "WEBP", "PNG"):
                return animate(image), image.format, size
            return still(image), still_format(image), size
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise NotAPicture(f"not a picture that can be read: {error}") from error


def still_format(image):
    """JPEG stays JPEG, formats of the web stay what they are, everything else becomes PNG."""
    return image.format if image.format in KEPT_FORMATS else "PNG"


def still(image):
    """One picture, upright, small; transparency kept."""
    image_format = still_format(image)
    icc_profile = image.info.get("icc_profile")
    if image_format == "JPEG":
        # Decodes at a fraction of the size where the format allows: a photograph of 50 megapixels needs no 150 MB.
        image.draft("RGB", (SIZE_MAX * 2, SIZE_MAX * 2))
    upright = ImageOps.exif_transpose(image)
    if image_format != "JPEG" and upright.mode not in ("RGB", "RGBA", "L", "LA"):
        upright = upright.convert("RGBA" if has_transparency(upright) else "RGB")
    elif image_format == "JPEG" and upright.mode not in ("RGB", "L"):
        upright = upright.convert("RGB")
        icc_profile = None
    upright.thumbnail((SIZE_MAX, SIZE_MAX), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    options = {"quality": 85, "optimize": True} if image_format == "JPEG" else {}
    if icc_profile:
        options["icc_profile"] = icc_profile
    upright.save(out, image_format, **options)
    return out.getvalue()


def animate(image):
    """Every frame of an animation, small, with its own duration."""
    frames, durations = [], []
    for index, frame in enumerate(ImageSequence.Iterator(image)):
        if index == FRAMES_MAX:
            break
        durations.append(frame.info.get("duration", 100))
        small = frame.convert("RGBA")
        small.thumbnail((SIZE_MAX, SIZE_MAX), Image.Resampling.LANCZOS)
        frames.append(small)
    options = {"duration": durations, "loop": image.info.get("loop", 0)}
    if image.format == "GIF":
        # Each frame replaces the one before: transparent pixels must not show the last frame through.
        options["disposal"] = 2
    out = io.BytesIO()
    frames[0].save(out, image.format, save_all=True, append_images=frames[1:], **options)
    return out.getvalue()


def has_transparency(image):
    """Whether any pixel may be transparent."""
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def destination_key(key, image_format):
    """`raw/a/b.tiff` becomes `thumbnails/a/b.tiff.png`; a name that fits its format is kept."""
    name = key.removeprefix(SOURCE_PREFIX)
    stem, suffix = os.path.splitext(name)
    wanted = KEPT_FORMATS[image_format]
    fits = suffix.lower() == wanted or (image_format == "JPEG" and suffix.lower() == ".jpeg")
    return DESTINATION_PREFIX + (stem + suffix if fits else name + wanted)
