"""The frame around every page, in a real browser."""

from playwright.sync_api import Page, expect


def test_new_thread_by_key_and_shortcut_sheet(alice_page: Page) -> None:
    page = alice_page
    before = page.url
    page.keyboard.press("Escape")  # leaves the composer, where one begins
    page.keyboard.press("n")
    page.wait_for_url(lambda url: url != before)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_hidden()


def test_dark_is_remembered(alice_page: Page) -> None:
    page = alice_page
    page.get_by_role("button", name="Dark", exact=True).click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(25, 24, 22)"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(25, 24, 22)"
