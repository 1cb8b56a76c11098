"""Search while typing, in a browser."""

import datetime
import re

from django.utils import timezone
from playwright.sync_api import Page, expect

from chat.models import ChatMessage
from tests.factories import make_message, make_thread
from users.models import User


def test_search_shows_results_while_typing_and_links_to_the_message(
    alice_page: Page, console_errors: list[str]
) -> None:
    page, alice = alice_page, User.objects.get()
    birds = make_thread(alice, "Birds")
    old = timezone.now() - datetime.timedelta(days=400)
    ChatMessage.objects.bulk_create(
        ChatMessage(
            user=alice,
            thread=birds,
            role=("user", "assistant")[n % 2],
            content=f"Number {n} saw a heron" if n % 50 == 7 else f"Number {n}",
            created_at=old + datetime.timedelta(minutes=n),
        )
        for n in range(200)
    )
    make_message(make_thread(alice, "Lakes"), "Grey herons stand still", role="assistant")

    page.goto("/search/")
    page.get_by_role("searchbox").press_sequentially("hero", delay=30)
    hits = page.locator("#hits .hit")
    expect(hits).to_have_count(5)
    expect(hits.first.locator("mark")).to_have_text("herons")
    expect(page).to_have_url(re.compile(r"q=hero&"))
    page.get_by_text("Filters").click()
    page.get_by_label("From").select_option("user")
    expect(hits).to_have_count(0)
    page.get_by_label("From").select_option("assistant")
    page.get_by_label("Thread", exact=True).fill("bird")
    expect(hits).to_have_count(4)
    page.reload()
    expect(hits).to_have_count(4)
    expect(page.get_by_label("Thread", exact=True)).to_be_visible()

    hits.last.click()
    page.wait_for_url("**/threads/*/?message=*")
    message = ChatMessage.objects.get(content="Number 7 saw a heron")
    expect(page.locator(f"#m-{message.pk}")).to_be_in_viewport()
    style = "all => all.map((one) => getComputedStyle(one).outlineStyle)"
    assert page.locator(".entry > article").evaluate_all(style).count("solid") == 1
    assert page.locator(f"#m-{message.pk} > article").evaluate_all(style) == ["solid"]
    # htmx tells of each answer that the next letter overtook.
    console_errors[:] = [error for error in console_errors if "htmx:" not in error]


def test_search_loads_more_results_to_the_end(alice_page: Page) -> None:
    page, alice = alice_page, User.objects.get()
    thread = make_thread(alice, "Birds")
    for n in range(70):
        make_message(thread, f"heron {n:02}")
    page.goto("/search/?q=heron")
    hits = page.locator("#hits .hit-text")
    expect(hits).to_have_count(30)
    for count in (60, 70):
        page.get_by_role("link", name="More results").click()
        expect(hits).to_have_count(count)
    expect(page.get_by_role("link", name="More results")).to_have_count(0)
    assert hits.all_inner_texts() == [f"heron {n:02}" for n in reversed(range(70))]
