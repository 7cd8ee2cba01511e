"""The thumbnailer's function, on pictures made here: what it writes, and what it leaves alone."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

APP = Path(__file__).parents[2] / "apps" / "thumbnailer"


class FakeS3:
    """Keeps objects in a dictionary; as much of the client as the function uses."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.types: dict[str, str] = {}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        data = self.objects[Bucket, Key]
        return {"ContentLength": len(data), "Body": io.BytesIO(data)}

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str, Metadata: dict[str, str]) -> None:
        self.objects[Bucket, Key] = Body
        self.types[Key] = ContentType


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("DESTINATION_BUCKET", "thumbs")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    spec = importlib.util.spec_from_file_location("thumbnailer_app", APP / "src" / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "s3", FakeS3())
    return module


def upload(app: ModuleType, key: str, data: bytes) -> dict[str, Any]:
    app.s3.objects["pictures", key] = data
    quoted = key.replace(" ", "+")
    event = {"Records": [{"s3": {"bucket": {"name": "pictures"}, "object": {"key": quoted}}}]}
    (result,) = app.handler(event, None)
    return dict(result)


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, image_format, **options)
    return out.getvalue()


def thumbnail(app: ModuleType, key: str) -> Image.Image:
    return Image.open(io.BytesIO(app.s3.objects["thumbs", key]))


def test_a_photograph_becomes_a_small_upright_jpeg(app: ModuleType) -> None:
    result = upload(app, "raw/my cat.jpg", (APP / "photos" / "cat.jpg").read_bytes())
    image = thumbnail(app, "thumbnails/my cat.jpg")
    assert result["thumbnail"] == "s3://thumbs/thumbnails/my cat.jpg"
    assert image.format == "JPEG"
    # The pixels of the file stand upright in portrait; EXIF says that the picture is in landscape.
    assert image.size == (128, 85)
    assert app.s3.types["thumbnails/my cat.jpg"] == "image/jpeg"


def test_transparency_is_kept(app: ModuleType) -> None:
    picture = Image.new("RGBA", (300, 200), (255, 0, 0, 0))
    upload(app, "raw/logo.png", encode(picture, "PNG"))
    image = thumbnail(app, "thumbnails/logo.png")
    assert image.mode == "RGBA"
    assert image.getpixel((5, 5))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize("image_format", ["GIF", "WEBP"])
def test_an_animation_keeps_its_frames(app: ModuleType, image_format: str) -> None:
    frames = [Image.new("RGB", (400, 300), colour) for colour in ("red", "green", "blue")]
    name = f"raw/moving.{image_format.lower()}"
    upload(app, name, encode(frames[0], image_format, save_all=True, append_images=frames[1:], duration=40))
    image = thumbnail(app, f"thumbnails/moving.{image_format.lower()}")
    assert image.n_frames == 3  # type: ignore[attr-defined]
    assert max(image.size) == 128


def test_other_formats_become_png(app: ModuleType) -> None:
    upload(app, "raw/scan.tiff", encode(Image.new("CMYK", (200, 400)), "TIFF"))
    assert thumbnail(app, "thumbnails/scan.tiff.png").size == (64, 128)


def test_a_small_picture_is_not_enlarged(app: ModuleType) -> None:
    upload(app, "raw/dot.png", encode(Image.new("RGB", (10, 6)), "PNG"))
    assert thumbnail(app, "thumbnails/dot.png").size == (10, 6)


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\xff\xd8\xff\xe0 half a jpeg", b"GIF89a"])
def test_what_is_no_picture_is_left_alone(app: ModuleType, data: bytes) -> None:
    result = upload(app, "raw/broken.jpg", data)
    assert "not a picture" in result["skipped"]
    assert not [bucket for bucket, _ in app.s3.objects if bucket == "thumbs"]


def test_a_truncated_photograph_is_left_alone(app: ModuleType) -> None:
    whole = (APP / "photos" / "cat.jpg").read_bytes()
    assert "skipped" in upload(app, "raw/cut.jpg", whole[: len(whole) // 2])


@pytest.mark.parametrize("key", ["thumbnails/cat.jpg", "raw/folder/", "elsewhere/cat.jpg"])
def test_it_does_not_start_itself(app: ModuleType, key: str) -> None:
    assert "skipped" in upload(app, key, b"")
