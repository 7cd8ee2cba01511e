"""What a visitor of the book store does: browse, sign in, add a book with its cover, change it, delete it."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from ..node import eventually
from .conftest import PHONE, Shop, photograph, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def titles(page: Page) -> list[str]:
    """The titles on the shelf, in their order."""
    page.locator(".card-title").first.wait_for()
    return page.locator(".card-title").all_text_contents()


def add(page: Page, shop: Shop, title: str, cover: Path | None = None) -> None:
    """Fill in the form for a new book and send it."""
    page.goto(f"{shop.url}/#/add")
    page.get_by_label("Title").fill(title)
    page.get_by_label("Author").fill("Ada Lovelace")
    page.get_by_label("Price in dollars").fill("12.50")
    if cover is not None:
        page.locator("input[type=file]").set_input_files(cover)
    page.get_by_role("button", name="Add the book").click()


def test_the_shelf_shows_covers_and_finds_books(shop: Shop, page: Page) -> None:
    page.goto(shop.url)
    assert "Small Machines" in titles(page)
    cover = page.get_by_role("img", name="Cover of Small Machines")
    cover.scroll_into_view_if_needed()
    page.wait_for_function("image => image.complete && image.naturalWidth === 320", arg=cover.element_handle())
    page.get_by_role("searchbox").fill("orsini BREAD")
    expect(page.locator(".card-title")).to_have_text(["Bread, Slowly"])
    page.get_by_role("searchbox").fill("no such words")
    expect(page.get_by_text("No book is like that.")).to_be_visible()
    page.get_by_role("button", name="Show all books").click()
    page.get_by_label("Genre").select_option("Craft")
    page.get_by_label("Order").select_option("Price, lowest first")
    assert titles(page) == ["Bread, Slowly", "Small Machines"]


def test_a_book_has_a_page_of_its_own_and_the_keyboard_leads_there(shop: Shop, page: Page) -> None:
    page.goto(shop.url)
    link = page.get_by_role("link", name=re.compile("The Lighthouse Ledger"))
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("The Lighthouse Ledger")
    assert page.evaluate("document.activeElement.id") == "main"
    expect(page.get_by_text("$18.50")).to_be_visible()
    expect(page.get_by_role("button", name="Delete…")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("The Lighthouse Ledger")


def test_the_address_that_needs_no_name_resolution_works_too(shop: Shop, page: Page) -> None:
    bucket = shop.url.removeprefix("http://").partition(".")[0]
    page.goto(f"{shop.node.url}/_aws/s3-website/{bucket}")
    assert "Small Machines" in titles(page)
    page.get_by_role("link", name=re.compile("Small Machines")).click()
    expect(page.get_by_role("img", name="Cover of Small Machines")).to_be_visible()


def test_a_wrong_password_is_said_in_words(shop: Shop, page: Page) -> None:
    sign_in(page, shop, "Wrong-password-1")
    expect(page.get_by_role("alert")).to_contain_text("Email address or password is wrong.")


def test_a_book_with_its_cover_comes_and_goes(shop: Shop, page: Page, tmp_path: Path) -> None:
    sign_in(page, shop)
    add(page, shop, "Notes on the Engine", photograph(tmp_path))
    expect(page.get_by_role("heading", level=1)).to_have_text("Notes on the Engine")
    cover = page.get_by_role("img", name="Cover of Notes on the Engine")
    page.wait_for_function("image => image.complete && image.naturalWidth === 400", arg=cover.element_handle())
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Price in dollars")).to_have_value("12.50")
    page.get_by_label("Title").fill("Notes on the Analytical Engine")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Notes on the Analytical Engine")
    expect(page.get_by_role("img", name="Cover of Notes on the Analytical Engine")).to_be_visible()
    page.get_by_role("link", name="All books").click()
    assert titles(page)[0] == "Notes on the Analytical Engine"
    page.get_by_role("img", name="Cover of Notes on the Analytical Engine").click()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Keep it").click()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete the book").click()
    expect(page.get_by_role("status").filter(has_text="is gone")).to_be_visible()
    assert "Notes on the Analytical Engine" not in titles(page)
    page.reload()
    assert "Notes on the Analytical Engine" not in titles(page)


def test_what_the_form_lacks_is_said_beside_it(shop: Shop, page: Page) -> None:
    sign_in(page, shop)
    page.goto(f"{shop.url}/#/add")
    page.get_by_label("Title").fill("Half a book")
    page.get_by_role("button", name="Add the book").click()
    expect(page.get_by_text("Who wrote it?")).to_be_visible()
    assert page.evaluate("document.activeElement.name") == "author"


def test_a_cover_that_is_none_is_refused_and_the_book_is_added_once(shop: Shop, page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture at all")
    sign_in(page, shop)
    add(page, shop, "A Book of Mistakes", broken)
    expect(page.get_by_text("The browser cannot show this file")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("The cover could not be read")
    page.locator("input[type=file]").set_input_files(photograph(tmp_path))
    page.get_by_role("button", name="Add the book").click()
    expect(page.get_by_role("img", name="Cover of A Book of Mistakes")).to_be_visible()
    page.get_by_role("link", name="All books").click()
    assert titles(page).count("A Book of Mistakes") == 1


def test_a_cover_that_is_too_large_is_refused_by_s3_itself(shop: Shop, page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(photograph(tmp_path).read_bytes() + bytes(6 << 20))
    # The page would not even try: let it believe that S3 takes more.
    page.route("**/cover", lambda route: route.fulfill(json={**route.fetch().json(), "bytesMax": 1 << 30}))
    sign_in(page, shop)
    add(page, shop, "A Heavy Book", large)
    expect(page.get_by_role("alert")).to_contain_text("The picture is too large.")


def send_nonsense(route: Route) -> None:
    """Let everything through but a new book, which is made one that no page would send."""
    if route.request.method == "POST":
        route.continue_(post_data='{"title": 7}')
    else:
        route.fallback()


def test_what_api_gateway_refuses_is_told_not_hidden(shop: Shop, page: Page) -> None:
    sign_in(page, shop)
    page.route("**/books", send_nonsense)
    add(page, shop, "Refused")
    expect(page.get_by_role("alert")).to_contain_text("Invalid request body")


def test_a_sign_in_that_is_none_is_refused_by_the_authorizer(shop: Shop, page: Page) -> None:
    sign_in(page, shop)
    page.evaluate(
        """() => {
        const kept = JSON.parse(sessionStorage.getItem('bookstore-session'));
        const [head, claims] = kept.id.split('.');
        sessionStorage.setItem('bookstore-session', JSON.stringify({...kept, id: `${head}.${claims}.bm9uZQ`}));
    }"""
    )
    page.reload()
    add(page, shop, "Forged")
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("Please sign in again")
    notice.get_by_role("link", name="Sign in").click()
    page.get_by_label("Email address").fill(shop.email)
    page.get_by_label("Password").fill(shop.password)
    page.locator("form").get_by_role("button", name="Sign in").click()
    assert "Forged" not in titles(page)
    page.get_by_role("link", name="Add a book").click()
    expect(page.get_by_label("Title")).to_have_value("Forged")


def test_a_book_that_is_gone_and_a_page_that_never_was(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.url}/#/books/none")
    expect(page.get_by_role("alert")).to_contain_text("There is no such book.")
    page.goto(f"{shop.url}/#/nowhere/at/all")
    expect(page.get_by_role("heading", level=1)).to_have_text("This page is out of print")
    answer = page.goto(f"{shop.url}/nowhere")
    assert answer is not None
    assert answer.status == 403, "who may not list the bucket is not told what is there"
    page.get_by_role("link", name="Back to the shelves").click()
    assert "Small Machines" in titles(page)
    bucket = shop.url.removeprefix("http://").partition(".")[0]
    page.goto(f"{shop.node.url}/_aws/s3-website/{bucket}/no/where")
    page.get_by_role("link", name="Back to the shelves").click()
    assert "Small Machines" in titles(page)


def test_an_api_that_does_not_answer_is_told_from_one_that_is_blocked(shop: Shop, page: Page) -> None:
    page.route("**/books", lambda route: route.abort("connectionrefused"))
    page.goto(shop.url)
    expect(page.get_by_role("alert")).to_contain_text("The API cannot be reached")
    page.unroute("**/books")
    page.get_by_role("button", name="Try again").click()
    assert "Small Machines" in titles(page)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("<html>", "Something else answered at its address."),
        ("{}", "The API’s answer has no books in it."),
    ],
)
def test_an_answer_that_is_no_list_of_books_is_told_in_words(shop: Shop, page: Page, answer: str, said: str) -> None:
    page.route("**/books", lambda route: route.fulfill(body=answer, headers={"access-control-allow-origin": "*"}))
    page.goto(shop.url)
    expect(page.get_by_role("alert")).to_contain_text(said)


def newest_code(shop: Shop, email: str, after: str = "") -> str | None:
    """The code in the newest letter to an address; None while that is still the one of before."""
    with urllib.request.urlopen(f"{shop.node.url}/_lambent/mail", timeout=10) as answer:
        letters = json.load(answer)["letters"]
    mine = [re.search(r"\b\d{6}\b", letter["body"]) for letter in letters if letter["to"] == email]
    return mine[0][0] if mine and mine[0] and mine[0][0] != after else None


def test_signing_up_with_the_code_from_the_mailbox(shop: Shop, page: Page) -> None:
    email = "newcomer@example.com"
    page.goto(f"{shop.url}/#/sign-in")
    page.get_by_role("button", name="Sign up").click()
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill("Newcomer-1")
    page.get_by_role("button", name="Create the account").click()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_contain_text("not the code")

    page.get_by_label("Code").fill(eventually(lambda: newest_code(shop, email)))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_a_forgotten_password_is_changed_with_the_code_from_the_mailbox(shop: Shop, page: Page) -> None:
    email = "forgetful@example.com"
    page.goto(f"{shop.url}/#/sign-in")
    page.get_by_role("button", name="Sign up").click()
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill("Forgetful-1")
    page.get_by_role("button", name="Create the account").click()
    first = eventually(lambda: newest_code(shop, email))
    page.get_by_label("Code").fill(first)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("button", name="Forgot your password?").click()
    page.get_by_label("Email address").fill(email)
    page.get_by_role("button", name="Send a code").click()
    page.get_by_label("New password").fill("forgetful")
    page.get_by_label("Code").fill(eventually(lambda: newest_code(shop, email, after=first)))
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("alert")).to_contain_text("Password must have uppercase characters")
    page.get_by_label("New password").fill("Forgetful-2")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


@pytest.mark.parametrize("path", ["", "#/sign-in", "#/add"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_scrolling_sideways(
    shop: Shop, browser: Browser, path: str, scheme: str
) -> None:
    context = browser.new_context(viewport=PHONE, color_scheme=scheme, has_touch=True)  # type: ignore[arg-type]
    page = context.new_page()
    if path == "#/add":
        sign_in(page, shop)
    page.goto(f"{shop.url}/{path}")
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground))) < 200) == (scheme == "dark")
    context.close()


def test_the_demonstration_may_be_repeated(shop: Shop) -> None:
    said = shop.node.run("lambent", "demo", "bookstore").stdout
    assert "nothing has changed" in said
    assert "The book store is open.\n" in said, "no book is added twice"
    assert shop.url in said
