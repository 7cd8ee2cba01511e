"""AWS's own Signature Version 4 cases: each signed request is accepted, and its canonical form is theirs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lambent.auth import Endpoint, Verifier
from lambent.auth.claim import parse_time
from lambent.auth.verify import canonical_request
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import BytesBody, Request

from .support import copy, credential

ENDPOINT = Endpoint("service", "query")


def _cases(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("sigv4/**/*.creq"))


def _request(case: Path) -> Request:
    head, _, body = (case / f"{case.name}.req").read_text().partition("\n\n")
    first, *lines = head.split("\n")
    method, target = first.split(" ", 1)
    target = target.rsplit(" ", 1)[0]
    path, _, query = target.partition("?")
    headers: dict[str, str] = {}
    name = ""
    for line in lines:
        if line.startswith(" "):
            headers[name] += "\n" + line
        elif line:
            name, _, value = line.partition(":")
            name = name.lower()
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    headers["authorization"] = (case / f"{case.name}.authz").read_text().strip()
    token = (case / f"{case.name}.creq").read_text().partition("x-amz-security-token:")[2].partition("\n")[0]
    if token:
        headers["x-amz-security-token"] = token
    return Request(method, path, query, headers, BytesBody(body.encode()))


async def _check(case: Path) -> None:
    request = _request(case)
    verifier = Verifier()
    claim = verifier.claim(request, ENDPOINT)
    assert claim is not None
    found = canonical_request(request, ENDPOINT, claim, (case / f"{case.name}.creq").read_text().strip()[-64:])
    assert found == (case / f"{case.name}.creq").read_text().strip("\n")
    now_ns = parse_time("20150830T123600Z")
    assert now_ns is not None
    token = request.headers.get("x-amz-security-token", "")
    known = credential(token=token)
    done = await verifier.authenticate(request, ENDPOINT, lambda _: known, now_ns)
    assert done.caller == known.caller
    bad = copy(request, headers={**request.headers, "x-amz-date": "20150830T123601Z"})
    with pytest.raises(ServiceError) as refused:
        await verifier.authenticate(bad, ENDPOINT, lambda _: known, now_ns)
    assert refused.value.code == "SignatureDoesNotMatch"


async def _run(cases: list[Path]) -> dict[str, str]:
    failed = {}
    for case in cases:
        try:
            await _check(case)
        except (AssertionError, ServiceError) as error:
            failed[case.name] = f"{type(error).__name__}: {error}"
    return failed


def test_every_case_is_accepted_as_signed(conformance: Path) -> None:
    cases = _cases(conformance)
    assert len(cases) > 30
    assert asyncio.run(_run(cases)) == {}
