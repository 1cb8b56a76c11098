"""axe-core finds no barrier on any page, in any state, in either theme."""

from io import StringIO
from pathlib import Path

import axe_playwright_python  # type: ignore[import-untyped]  # it has no types
from django.core.management import call_command
from playwright.sync_api import Page

from tests.browser.scene import make_scene
from tests.factories import PASSWORD, make_message
from threads.models import Thread
from users.models import User

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()
RUN = """async (preload) => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"], preload });
    return violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(", ")}`);
}"""
OPEN = ["/account/log-in/", "/account/sign-up/", "/account/reset/", "/account/reset/sent/"]
PAGES = [
    *("/", "/threads/", "/threads/?show=archived", "/threads/?show=deleted", "/threads/?q=zzz"),
    *("/search/", "/search/?q=museum", "/search/?q=zzz&role=user", "/go/", "/shortcuts/"),
    *("/personas/", "/personas/new/", "/account/", "/account/password/", "/account/keys/"),
    *("/account/usage/", "/export/", "/import/", "/api/docs"),
    "/threads/00000000-0000-7000-8000-000000000000/",
]


def barriers(page: Page, name: str, found: dict[str, list[str]], *, preload: bool = True) -> None:
    """Add what axe finds in both themes.

    Axe reads the admin's style sheets ahead through an inline style, which the policy forbids.
    """
    for theme in ("light", "dark"):
        page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
        page.wait_for_timeout(200)  # colours change gradually
        page.evaluate(AXE)
        if violations := page.evaluate(RUN, preload):
            found[f"{name} {theme}"] = violations


def test_pages_have_no_barriers(page: Page) -> None:
    make_scene()
    found: dict[str, list[str]] = {}
    for path in OPEN:
        page.goto(path)
        barriers(page, path, found)
    page.goto("/account/log-in/")
    page.get_by_label("E-mail").fill("alice@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    barriers(page, "log-in with an error", found)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/threads/*/")
    thread = Thread.objects.get(title="Three days in Lisbon")
    make_message(thread, "```python\n" + "print(1) " * 40 + "\n```\n\n$$x^2$$", role="assistant")
    for path in [*PAGES, f"/threads/{thread.pk}/edit/"]:
        page.goto(path)
        barriers(page, path, found)
    page.goto(f"/threads/{thread.pk}/")
    page.locator(".thread-menu").click()
    page.locator(".menu-panel .menu-item").first.wait_for()
    barriers(page, "thread's menu", found)
    page.keyboard.press("Escape")
    page.locator(".switcher").click()
    page.locator(".switcher .menu-item").first.wait_for()
    barriers(page, "switcher", found)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.get_by_role("option").first.wait_for()
    barriers(page, "palette", found)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/threads/")
    page.get_by_label("Open the sidebar").click()
    barriers(page, "sidebar on a phone", found)
    assert found == {}


def test_admin_has_no_barriers(page: Page) -> None:
    call_command("demo", users=2, messages=20, password=PASSWORD, stdout=StringIO())
    user = User.objects.exclude(email="admin@demo.example")[0]
    found: dict[str, list[str]] = {}
    page.goto("/admin/")
    barriers(page, "log-in", found, preload=False)
    page.get_by_label("E-mail").fill("admin@demo.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    for path in (
        *("", "users/user/", "personas/persona/", "threads/thread/", "chat/chatmessage/"),
        *("migrations/", f"users/user/{user.pk}/change/", "personas/persona/add/"),
    ):
        page.goto(f"/admin/{path}")
        barriers(page, path, found, preload=False)
    assert found == {}
