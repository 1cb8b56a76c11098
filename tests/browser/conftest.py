"""Drive a real browser against the site, served by gunicorn with collected static files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.factories import PASSWORD
from tests.site import Site
from tests.waiting import PATIENCE
from threads.signup import create_account

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
expect.set_options(timeout=PATIENCE * 1000)
# Runs before the scripts of the page.
WATCH = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => {
        window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
        console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`);
    });
"""


@pytest.fixture(scope="package")  # its event loop may not outlive the tests that need it
def browser() -> Iterator[Browser]:
    """Start Chromium."""
    if not Path(CHROMIUM).exists():
        pytest.fail("The browser tests drive Debian's Chromium: apt-get install chromium")
    # The browser's driver runs an event loop in this thread, beside the queries of this and
    # of all later tests.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def console_errors() -> list[str]:
    """Return the errors in the console of `page`; a test removes those that it causes."""
    return []


@pytest.fixture
def page(site: Site, browser: Browser, console_errors: list[str]) -> Iterator[Page]:
    """Return an empty page; its console may hold no error and no CSP violation at the end."""
    errors = console_errors

    def listen(message: ConsoleMessage) -> None:
        # A refused form is an answer, and Chromium's remark on its status no error of ours.
        if (
            message.type == "error"
            and "the server responded with a status of 4" not in message.text
        ):
            errors.append(message.text)

    context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE * 1000)
    context.add_init_script(WATCH)
    page = context.new_page()
    page.on("console", listen)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def alice_page(page: Page, site: Site) -> Page:
    """Return a page on which alice, a new user, is logged in."""
    alice = create_account(email="alice@example.com", password=PASSWORD, name="Alice Moreau")
    session = site.log_in(alice).session
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": site.url}]
    )
    page.goto("/")
    page.wait_for_url("**/threads/*/")
    page.locator(".voices").get_by_label("Assistant").check()
    return page
