"""Take screenshots of the pages: `python -m tests.browser.screenshots FOLDER [PAGE …]`.

Each page is taken as wide as a phone and as a desk, light and dark, on a database of its
own that `scene.py` fills. The README's pictures in docs/screenshots/ are made so.
"""

import os
import sys
import tempfile
from pathlib import Path

import django
from django.core.management import call_command
from playwright.sync_api import Page, sync_playwright

WIDTHS = {"phone": (390, 844), "desk": (1280, 960)}  # pixels
OPEN = {"log-in": "/account/log-in/", "sign-up": "/account/sign-up/", "reset": "/account/reset/"}
PAGES = {
    "conversation": "/",
    "threads": "/threads/",
    "search": "/search/?q=museum",
    "personas": "/personas/",
    "learnt": "/personas/",
    "persona": "/personas/new/",
    "account": "/account/",
    "export": "/export/",
    "archive": "/threads/?show=archived",
    "missing": "/threads/00000000-0000-7000-8000-000000000000/",
    "sidebar": "/threads/",
    "shortcuts": "/threads/",
    "switcher": "/threads/",
    "palette": "/threads/",
}


def main(folder: Path, wanted: list[str]) -> None:
    """Fill a database, serve it and take the screenshots."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        os.environ.update(
            {
                "DEBUG": "1",
                "HTTPS": "0",
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "DATABASE_URL": f"sqlite:///{place}/demo.sqlite3",
                "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
                "OPENAI_MODEL": "a-small-model",
            }
        )
        django.setup()
        from tests.browser.scene import make_scene  # these imports need the settings above
        from tests.site import Site

        call_command("migrate", verbosity=0)
        make_scene()
        site = Site(Path(place, "log"))
        site.start(os.environ["DATABASE_URL"])
        try:
            take_all(site.url, folder, wanted)
        finally:
            site.stop()


def take_all(url: str, folder: Path, wanted: list[str]) -> None:
    """Take a screenshot of each page in both widths and themes."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for theme in ("light", "dark"):
            for name, (width, height) in WIDTHS.items():
                context = browser.new_context(
                    base_url=url,
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if theme == "dark" else "light",
                    reduced_motion="reduce",
                    has_touch=name == "phone",
                    is_mobile=name == "phone",
                )
                page = context.new_page()
                for entry, path in OPEN.items():
                    if not wanted or entry in wanted:
                        page.goto(path)
                        page.screenshot(path=folder / f"{entry}-{name}-{theme}.png")
                page.goto("/account/log-in/")
                page.get_by_label("E-mail").fill("alice@example.com")
                page.get_by_label("Password").fill("correct horse battery")
                page.get_by_role("button", name="Log in").click()
                page.wait_for_url("**/threads/*/")
                for entry, path in PAGES.items():
                    if not wanted or entry in wanted:
                        show(page, entry, path)
                        page.screenshot(path=folder / f"{entry}-{name}-{theme}.png")
                context.close()
        browser.close()


def show(page: Page, entry: str, path: str) -> None:
    """Open a page and bring it into the state to show."""
    page.goto(path)
    page.wait_for_load_state("networkidle")
    if entry in {"sidebar", "switcher"} and page.get_by_label("Open the sidebar").is_visible():
        page.get_by_label("Open the sidebar").click()
    if entry == "learnt":
        teach = page.get_by_label("Teach Sunday self")
        page.goto(f"{teach.get_attribute('href')}../learnt/")
    if entry == "switcher":
        page.locator("a.switcher").click()
        page.locator(".switcher .menu-item").first.wait_for()
    if entry == "shortcuts":
        page.keyboard.press("?")
        page.locator(".sheet dl").wait_for()
    if entry == "palette":
        page.keyboard.press("Control+k")
        page.get_by_role("option").first.wait_for()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
