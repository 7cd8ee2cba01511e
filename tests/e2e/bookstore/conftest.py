"""A browser, and the book store as `lambent demo bookstore` opens it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from ..node import Node

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 30_000
DESK = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}


class Shop(NamedTuple):
    """An open book store: where it is, and who may sign in."""

    node: Node
    url: str
    email: str
    password: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a window; the tests that want one are skipped where the machine has none.

    Not for the session: as long as it is there, an event loop counts as running, and no test may run another.
    """
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no browser on this machine: apt-get install chromium")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=options)
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor whom the browser does not know yet."""
    found = browser.new_context(viewport=DESK)  # type: ignore[arg-type]
    found.set_default_timeout(PATIENCE_MS)
    yield found
    found.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab, in which no script may fail."""
    found = context.new_page()
    failures: list[str] = []
    found.on("pageerror", lambda error: failures.append(str(error)))
    yield found
    assert not failures


@pytest.fixture(scope="session")
def shop(node: Node) -> Shop:
    """The book store, opened by the demonstration, with its books."""
    said = node.run("lambent", "demo", "bookstore").stdout
    site = re.search(r"^website +(\S+)$", said, re.MULTILINE)
    reader = re.search(r"^sign in +(\S+) +(\S+)$", said, re.MULTILINE)
    assert site is not None, said
    assert reader is not None, said
    return Shop(node, site[1], reader[1], reader[2])


def sign_in(page: Page, shop: Shop, password: str = "") -> None:
    """Fill in the form of the page `sign-in`."""
    page.goto(f"{shop.url}/#/sign-in")
    page.get_by_label("Email address").fill(shop.email)
    page.get_by_label("Password").fill(password or shop.password)
    page.locator("form").get_by_role("button", name="Sign in").click()
    if not password:
        page.get_by_role("button", name="Sign out").wait_for()


def photograph(folder: Path, name: str = "cover.png", size: tuple[int, int] = (400, 600)) -> Path:
    """A picture to upload."""
    from PIL import Image

    path = folder / name
    Image.effect_mandelbrot(size, (-2.2, -1.3, 0.8, 1.3), 60).convert("RGB").save(path)
    return path
