"""Where the keys for an object store come from: its URL, the environment, botocore's chain, in this order."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed")

from lambent.blobs.errors import BlobsError
from lambent.blobs.s3.signing import Signer, region_of
from lambent.blobs.urls import parse

BARE = parse("s3://bucket?endpoint=http://store")
TARGET = "/bucket/key?uploads="


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without any keys."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "REGION", "DEFAULT_REGION"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


async def signed(signer: Signer) -> dict[str, str]:
    """The headers of a signed request."""
    await signer.ready()
    return signer.sign("POST", TARGET, {"host": "store"})


async def test_keys_of_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    headers = await signed(Signer(parse("s3://bucket?access_key=MINE&secret_key=mine&region=eu-west-1")))
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=MINE/")
    assert "/eu-west-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date" in headers["Authorization"]
    assert "X-Amz-Security-Token" not in headers


async def test_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    headers = await signed(Signer(BARE))
    assert "Credential=FROMENV/" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == "token"


@pytest.mark.slow
async def test_keys_of_a_profile(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = FROMFILE\naws_secret_access_key = s\n")
    assert "Credential=FROMFILE/" in (await signed(Signer(BARE)))["Authorization"]


@pytest.mark.slow
async def test_no_keys_are_told_in_one_line() -> None:
    with pytest.raises(BlobsError, match=r"^no keys for s3://bucket at http://store: give access_key") as error:
        await Signer(BARE).ready()
    assert "\n" not in str(error.value)


def test_the_region_is_the_urls_or_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert region_of(BARE) == "us-east-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert region_of(BARE) == "eu-west-2"
    assert region_of(parse("s3://bucket?region=eu-west-1")) == "eu-west-1"
