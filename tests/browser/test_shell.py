"""The frame of every page, personas and threads, in a browser."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from personas.models import Persona
from tests.factories import PASSWORD, make_message, make_persona, make_thread
from tests.site import Site
from tests.waiting import PATIENCE
from threads.models import Thread
from users.models import User

PAGES = [
    "/",
    "/threads/",
    "/threads/?show=archived",
    "/personas/",
    "/personas/new/",
    "/account/",
    "/account/password/",
    "/search/",
    "/search/?q=title&role=user",
    "/export/",
    "/import/",
]
# Names that assistive technology would read, and the order of headings, as the page has them.
AUDIT = """() => {
    const name = (e) => (e.getAttribute("aria-label") || e.innerText || e.value || "").trim()
        || [...(e.labels || [])].map((label) => label.innerText.trim()).join(" ");
    const all = (selector) => [...document.querySelectorAll(selector)];
    const ids = all("[id]").map((e) => e.id);
    const levels = all("main h1, main h2, main h3").map((e) => Number(e.tagName[1]));
    return {
        unnamed: all("a[href], button, summary, input:not([type=hidden]), select, textarea")
            .filter((e) => e.checkVisibility() && !name(e)).map((e) => e.outerHTML.slice(0, 120)),
        twice: ids.filter((id, at) => ids.indexOf(id) !== at),
        headings: levels.filter((level, at) => level > (levels[at - 1] || 0) + 1).length,
        firsts: levels.filter((level) => level === 1).length,
        dangling: all("[aria-describedby], [aria-labelledby]").flatMap((e) =>
            `${e.getAttribute("aria-describedby") || ""} ${e.getAttribute("aria-labelledby") || ""}`
                .split(" ").filter((id) => id && !document.getElementById(id))),
        wide: document.documentElement.scrollWidth > innerWidth
            || all(".sidebar, .composer").some((e) => e.scrollWidth > e.clientWidth),
        styled: all("main [style], .sidebar [style]").length,
    };
}"""
SOUND = {
    "unnamed": [],
    "twice": [],
    "headings": 0,
    "firsts": 1,
    "dangling": [],
    "wide": False,
    "styled": 0,
}


def test_keyboard_shortcuts_work_and_can_be_turned_off(alice_page: Page) -> None:
    page = alice_page
    alice = User.objects.get()
    make_persona(alice, "Second")
    page.keyboard.press("Escape")  # leaves the composer
    page.keyboard.press("n")
    # Asked beforehand: the browser calls back where Django would open a connection of its own.
    general = str(Thread.objects.get(is_general=True).pk)
    page.wait_for_url(lambda url: url.split("/")[-2] != general)
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    page.keyboard.press("2")
    expect(page.locator("a.switcher")).to_contain_text("Second")
    assert list(Persona.objects.active().values_list("name", flat=True)) == ["Second"]
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.wait_for_url("**/threads/")
    page.keyboard.press("?")
    sheet = page.get_by_role("heading", name="Keyboard shortcuts")
    expect(sheet).to_be_visible()
    page.get_by_label("Use single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("?")
    expect(sheet).to_be_hidden()


def test_dark_theme_is_remembered(alice_page: Page) -> None:
    page = alice_page
    page.get_by_role("button", name="Dark", exact=True).click()
    dark = "rgb(25, 24, 22)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_thread_can_be_renamed_deleted_and_restored_in_place(alice_page: Page) -> None:
    page = alice_page
    page.get_by_label("Rename this thread").click()
    field = page.get_by_label("Name of the thread")
    expect(field).to_be_focused()
    field.fill("Trip to Lisbon")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Trip to Lisbon")).to_be_visible()
    expect(page.locator(".sidebar .thread-link", has_text="Trip to Lisbon")).to_be_visible()
    expect(page.get_by_label("Rename this thread")).to_be_focused()
    page.keyboard.press("Enter")
    expect(field).to_be_focused()
    field.fill(" ")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Enter a name for the thread.")).to_be_visible()
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Rename this thread")).to_be_focused()
    page.get_by_label("Actions for Trip to Lisbon").click()
    page.get_by_role("button", name="Delete", exact=True).first.click()
    expect(page.locator(".toast")).to_contain_text("Trip to Lisbon” is deleted.")
    assert not Thread.objects.filter(deleted_at=None).exists()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast")).to_contain_text("is restored")
    assert Thread.objects.filter(deleted_at=None).count() == 1


def test_thread_filter_finds_titles_while_typing(alice_page: Page) -> None:
    alice = User.objects.get()
    for number in range(60):
        make_thread(alice, f"Plan {number}")
    page = alice_page
    page.goto("/threads/")
    expect(page.locator(".row")).to_have_count(50)
    page.get_by_role("link", name="Show older threads").click()
    expect(page.locator(".row")).to_have_count(61)
    page.get_by_label("Search by title").press_sequentially("plan 59")
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator("main").get_by_role("status")).to_have_text("1 thread")


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_pages_are_accessible_and_fit_the_width(alice_page: Page, width: int) -> None:
    page = alice_page
    make_thread(User.objects.get(), "A title that is far longer than a phone is wide, " * 3)
    Persona.objects.update(name="Donaudampfschifffahrt " * 4 + "Haupt" * 2)  # 98 characters
    Thread.objects.update(persona=Persona.objects.get())
    page.set_viewport_size({"width": width, "height": 800})
    found = {}
    for path in [*PAGES, f"/personas/{Persona.objects.get().pk}/"]:
        page.goto(path)
        found[path] = page.evaluate(AUDIT)
    assert found == dict.fromkeys(found, SOUND), json.dumps(found, indent=1)


def test_persona_shortcut_opens_the_sidebar_and_blur_closes_the_menu(
    alice_page: Page,
) -> None:
    page = alice_page
    make_persona(User.objects.get(), "Second")
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/threads/")
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Second", exact=True)).to_be_visible()
    for _ in range(8):  # through the menu and on
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Second", exact=True)).to_be_hidden()


def test_phone_shows_one_bar_and_a_usable_rename_form(alice_page: Page) -> None:
    page = alice_page
    page.set_viewport_size({"width": 390, "height": 800})
    title = page.get_by_role("heading", name="General")
    box = title.bounding_box()
    assert box
    assert box["y"] + box["height"] < 56  # pixels: the height of one bar
    page.keyboard.press("Escape")  # leaves the composer
    page.keyboard.press("r")
    field = page.get_by_label("Name of the thread")
    expect(field).to_be_focused()
    box = field.bounding_box()
    assert box
    assert box["width"] > 120
    page.keyboard.press("Escape")
    expect(title).to_be_visible()


def test_message_text_follows_the_direction_of_its_script(alice_page: Page) -> None:
    page = alice_page
    thread = Thread.objects.get()
    make_message(thread, "مرحبا, Twinthread!")
    make_message(thread, "1. مرحبا", role="assistant")
    make_message(thread, "Hello, مرحبا!")
    Thread.objects.update(title="محادثة")
    page.reload()
    directions = page.locator(".message-text").evaluate_all(
        "(all) => all.map((e) => getComputedStyle(e).direction)"
    )
    assert directions == ["rtl", "rtl", "ltr"]
    heading = page.locator("main h1").evaluate("(e) => getComputedStyle(e).direction")
    assert heading == "rtl"


def test_invalid_form_focuses_the_field_with_the_error(alice_page: Page) -> None:
    page = alice_page
    page.goto("/account/")
    page.get_by_text("Delete my account…").click()
    page.locator("details[open]").get_by_label("Your password").fill("not it")
    page.get_by_role("button", name="Delete everything").click()
    field = page.locator("details[open]").get_by_label("Your password")
    expect(field).to_be_focused()
    expect(field).to_be_in_viewport()
    expect(field).to_have_accessible_description("This is not your password.")


def test_loading_older_threads_moves_the_focus(alice_page: Page) -> None:
    page = alice_page
    alice = User.objects.get()
    for number in range(60):
        make_thread(alice, f"Plan {number}")
    page.goto("/threads/")
    page.get_by_role("link", name="Show older threads").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".row-title").nth(50)).to_be_focused()


def test_sidebar_opens_on_a_phone_and_can_be_skipped(alice_page: Page) -> None:
    page = alice_page
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/threads/")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    button = page.locator(".sidebar").get_by_role("button", name="New thread")
    expect(button).to_be_visible()
    page.keyboard.press("Escape")
    expect(button).to_be_hidden()
    general = page.url
    page.goto("/")
    page.locator(".topbar").get_by_role("button", name="New thread").click()
    page.wait_for_url(lambda url: url != general and "/threads/" in url)


@pytest.fixture
def plain_page(site: Site, browser: Browser) -> Iterator[Page]:
    """Return a page in a browser without JavaScript."""
    context = browser.new_context(base_url=site.url, java_script_enabled=False)
    context.set_default_timeout(PATIENCE * 1000)
    yield context.new_page()
    context.close()


def test_pages_work_without_javascript(plain_page: Page) -> None:
    page = plain_page
    page.goto("/account/sign-up/")
    page.get_by_label("Name").fill("Alice Moreau")
    page.get_by_label("E-mail").fill("alice@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    page.get_by_role("button", name="Dark", exact=True).click()
    expect(page.locator("html[data-theme=dark]")).to_have_count(1)
    page.goto("/personas/new/")
    page.get_by_label("Name", exact=True).fill("Captain")
    page.get_by_role("button", name="Create persona").click()
    page.get_by_role("button", name="Make Captain active").click()
    page.locator(".sidebar").get_by_role("button", name="New thread").click()
    page.get_by_label("Rename this thread").click()
    page.get_by_label("Title").fill("By hand")
    page.get_by_role("button", name="Save").click()
    page.goto("/threads/")
    page.get_by_label("Actions for By hand").click()
    page.get_by_role("button", name="Delete", exact=True).first.click()
    page.get_by_role("button", name="Undo").click()
    page.goto("/threads/")
    expect(page.locator(".row-title", has_text="By hand")).to_be_visible()
    assert list(Persona.objects.active().values_list("name", flat=True)) == ["Captain"]


def test_palette_finds_threads_personas_and_actions_by_keyboard(
    alice_page: Page,
) -> None:
    page = alice_page
    alice = User.objects.get()
    wanted = make_thread(alice, "Trip to Lisbon")
    make_persona(alice, "Captain")
    page.keyboard.press("Control+k")  # also while the composer has the focus
    field = page.get_by_role("combobox")
    expect(field).to_be_focused()
    expect(page.get_by_role("option").first).to_have_text("New thread")
    field.press_sequentially("lisb")
    option = page.get_by_role("option", name="Trip to Lisbon")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("option")).to_have_count(2)  # and to search all messages
    active = field.get_attribute("aria-activedescendant")
    assert option.get_attribute("id") == active
    page.keyboard.press("ArrowUp")  # from the first option to the last
    expect(page.get_by_role("option", name="Search all messages")).to_have_attribute(
        "aria-selected", "true"
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/threads/{wanted.pk}/")
    page.keyboard.press("Control+k")
    field.press_sequentially("capt")
    expect(page.get_by_role("option", name="Captain")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.locator("a.switcher")).to_contain_text("Captain")
    page.keyboard.press("Control+k")
    field.fill("keyboard")
    expect(page.get_by_role("option").first).to_have_text("Keyboard shortcuts")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.press("Control+k")
    expect(field).to_be_hidden()
