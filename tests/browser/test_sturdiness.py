"""The conversation page when the server, the connection or the user goes away."""

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect
from pytest_django import DjangoDbBlocker

from chat.models import ChatMessage, Reply
from tests.browser.test_conversation import last_reply, open_edit, send, wait_until_done
from tests.chat.provider_server import ProviderServer
from tests.conftest import serve
from tests.factories import PASSWORD
from tests.site import Site
from tests.waiting import wait_for
from threads.models import Thread


def forgive_broken_line(errors: list[str]) -> None:
    """Remove what Chromium reports about the connection that the test broke."""
    errors[:] = [error for error in errors if "net::ERR_" not in error]


def test_reply_continues_after_a_proxy_refused_the_stream(
    alice_page: Page, provider: ProviderServer
) -> None:
    page = alice_page
    refusals: list[str] = []

    def refuse(route: Route) -> None:
        refusals.append(route.request.url)
        if len(refusals) > 3:
            route.continue_()
        else:
            route.fulfill(status=429, body="not now")

    page.evaluate("window.stays = true")
    page.route("**/replies/*/stream/**", refuse)
    send(page, "Slowly words=80 hold=2")
    expect(last_reply(page).locator(".message-text")).to_contain_text("word1 word2")
    expect(page.locator(".broken")).to_have_count(0)
    assert page.evaluate("window.stays")
    provider.release()
    wait_until_done(page)
    assert len(refusals) > 3
    answer = ChatMessage.objects.get(role="assistant")
    assert answer.content == "".join(f"word{n} " for n in range(1, 81))
    expect(last_reply(page).locator(".message-text")).to_have_text(answer.content.strip())


def test_lost_response_loses_no_text(alice_page: Page, console_errors: list[str]) -> None:
    page = alice_page

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/messages/", lose)
    field = page.get_by_label("Your message").last
    field.fill("Hello words=2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    page.unroute("**/messages/")
    field.fill("Hello words=2, and more")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("sent before you changed it")
    expect(field).to_have_value("Hello words=2, and more")
    field.fill("Hello words=2")
    page.keyboard.press("Enter")
    expect(last_reply(page).locator(".message-text")).to_have_text("word1 word2")
    assert ChatMessage.objects.filter(role="user").count() == 1
    forgive_broken_line(console_errors)


def test_double_click_sends_once(alice_page: Page) -> None:
    page = alice_page
    page.get_by_label("Your message").last.fill("Hello words=1")
    page.get_by_role("button", name="Send", exact=True).dblclick()
    expect(last_reply(page).locator(".message-text")).to_have_text("word1")
    wait_until_done(page)
    assert ChatMessage.objects.filter(role="user").count() == 1


def test_open_tab_catches_up(alice_page: Page) -> None:
    page = alice_page
    send(page, "Hello words=1")
    wait_until_done(page)
    second = page.context.new_page()
    second.goto(page.url)
    send(page, "Slowly words=60 hold=3")
    second.get_by_label("Your message").last.fill("Me too words=1")
    second.keyboard.press("Enter")
    expect(second.get_by_role("alert")).to_contain_text("A reply is being written")
    expect(second.locator(".entry.user")).to_have_count(2)
    expect(last_reply(second).locator(".message-text")).to_contain_text("word3")
    second.get_by_role("button", name="Stop the reply").click()
    wait_until_done(page)
    expect(last_reply(page)).to_contain_text("You stopped this reply.")
    expect(second.get_by_label("Your message").last).to_have_value("Me too words=1")
    wait_until_done(second)
    second.get_by_label("Your message").last.press("Enter")
    expect(second.locator(".entry.user")).to_have_count(3)
    wait_until_done(second)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".entry.user")).to_have_count(3)
    expect(page.locator("[data-edit]")).to_have_count(3)
    expect(page.locator(".entry:has([data-again])")).to_have_count(1)  # only the last answer
    second.close()


def test_title_from_the_model_is_shown(alice_page: Page) -> None:
    page = alice_page
    page.get_by_role("button", name="New thread").click()
    page.wait_for_url("**/threads/*/")
    send(page, "Hello words=2")
    expect(page.locator("main h1")).to_have_text("A fitting title")
    expect(page.locator(".sidebar [aria-current=page] .title")).to_have_text("A fitting title")


def test_reply_completes_while_the_thread_is_being_renamed(
    alice_page: Page, provider: ProviderServer
) -> None:
    page = alice_page
    send(page, "Slowly words=20 hold=1")
    page.locator("main h1").click()
    page.get_by_label("Your message").last.evaluate("field => field.blur()")
    page.keyboard.press("r")
    expect(page.locator(".thread-head [name=title]")).to_be_visible()
    provider.release()
    wait_until_done(page)
    expect(last_reply(page).locator(".message-text")).to_contain_text("word20")


def test_back_button_shows_the_current_conversation(
    alice_page: Page, provider: ProviderServer
) -> None:
    page = alice_page
    send(page, "Slowly words=20 hold=1")
    expect(last_reply(page).locator(".message-text")).to_contain_text("word1")
    page.goto("/threads/")
    provider.release()
    wait_for(lambda: not Reply.objects.in_flight().exists())
    page.go_back()
    wait_until_done(page)
    expect(last_reply(page).locator(".message-text")).to_contain_text("word20")
    send(page, "More words=1")
    expect(page.locator(".entry.user")).to_have_count(2)


def test_deleting_the_account_during_a_reply_leaves_no_error(alice_page: Page) -> None:
    page = alice_page
    send(page, "Slowly words=50 hold=3")
    second = page.context.new_page()
    second.goto(page.url)
    expect(last_reply(second).locator(".message-text")).to_contain_text("word1")
    page.goto("/account/")
    page.get_by_text("Delete my account…").click()
    page.locator("form[action$='/delete/'] [type=password]").fill(PASSWORD)
    page.locator("form[action$='/delete/'] button").click()
    page.wait_for_url("**/account/**")
    expect(second.locator("[data-stream]")).to_have_count(0)
    assert Reply.objects.count() == 0
    assert Thread.objects.count() == 0
    second.close()


def log_out(page: Page) -> None:
    page.locator("a.switcher").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/account/log-in/**")


def log_in(page: Page) -> None:
    page.get_by_label("E-mail").fill("alice@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/threads/*/")


def test_logging_out_and_in_keeps_unsent_text(alice_page: Page) -> None:
    page = alice_page
    send(page, "Hello words=1")
    wait_until_done(page)
    open_edit(page).fill("Edited text words=2")
    page.get_by_label("Your message").last.fill("Not sent yet")
    second = page.context.new_page()
    second.goto(page.url)
    log_out(second)
    log_in(second)
    page.get_by_label("Your message").last.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("You logged in or out")
    log_out(second)
    second.close()
    place = page.url
    page.reload()
    page.wait_for_url("**/account/log-in/**")
    log_in(page)
    page.wait_for_url(place)
    third = page.context.new_page()
    third.goto(place)
    log_out(third)
    third.close()
    page.get_by_label("Your message").last.press("Enter")
    page.wait_for_url("**/account/log-in/**")
    log_in(page)
    page.wait_for_url(place)
    expect(page.get_by_label("Your message").last).to_have_value("Not sent yet")
    expect(open_edit(page)).to_have_value("Edited text words=2")
    page.get_by_role("button", name="Cancel").click()
    expect(open_edit(page)).to_have_value("Hello words=1")


def test_message_that_is_too_long_is_refused_and_kept(alice_page: Page) -> None:
    page = alice_page
    field = page.get_by_label("Your message").last
    long = "word " * 200_000
    field.fill(long)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("100,000 characters at most")
    assert len(field.input_value()) == len(long)
    field.fill(" \n ")
    page.keyboard.press("Enter")
    expect(page.locator(".entry.user")).to_have_count(0)
    fits = ("x" * 99 + "\n") * 999 + "x" * 100
    field.fill(fits)
    page.keyboard.press("Enter")
    expect(page.locator(".entry.user")).to_have_count(1)
    wait_until_done(page)
    assert ChatMessage.objects.get(role="user").content == fits


def test_scrolling_up_does_not_jump(alice_page: Page) -> None:
    page = alice_page
    thread = Thread.objects.get(pk=uuid.UUID(page.url.rstrip("/").rpartition("/")[2]))
    ChatMessage.objects.bulk_create(
        (
            ChatMessage(
                user=thread.user,
                thread=thread,
                role=("user", "assistant")[n % 2],
                content=f"Number {n}\n\n" + "long " * (n * 7 % 90),
            )
            for n in range(10_000)
        ),
        batch_size=2000,
    )
    page.reload()
    expect(page.locator(".message-text", has_text="Number 9999")).to_be_in_viewport()
    for _ in range(5):
        count = page.locator(".entry").count()
        # A message in view, and how far it moves when older ones come in above it.
        moved = page.evaluate(
            """async () => {
                scrollTo(0, 700);
                const inView = [...document.querySelectorAll("[data-entry]")]
                    .find((one) => one.getBoundingClientRect().bottom > 100);
                const before = inView.getBoundingClientRect().top;
                const count = document.querySelectorAll("[data-entry]").length;
                while (document.querySelectorAll("[data-entry]").length === count)
                    await new Promise(requestAnimationFrame);
                for (let frame = 0; frame < 5; frame += 1) await new Promise(requestAnimationFrame);
                return inView.getBoundingClientRect().top - before;
            }"""
        )
        assert abs(moved) < 2
        assert page.locator(".entry").count() == count + 40


@pytest.fixture
def own_site(
    site_environment: dict[str, str],
    transactional_db: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path: Path,
) -> Iterator[Site]:
    """Serve a site that the test may kill."""
    with serve(tmp_path, site_environment, django_db_blocker) as site:
        yield site


def test_page_survives_a_killed_worker(
    own_site: Site, alice_page: Page, console_errors: list[str]
) -> None:
    page = alice_page
    path = page.url.partition("/threads")[2]
    page.goto(f"{own_site.url}/threads{path}")
    send(page, "Slowly words=600 hold=20")
    expect(last_reply(page).locator(".message-text")).to_contain_text("word15")
    wait_for(lambda: "word15" in Reply.objects.get().text)
    (worker,) = own_site.worker_pids()
    os.kill(worker, signal.SIGKILL)
    expect(last_reply(page)).to_contain_text("This reply was interrupted")
    expect(last_reply(page).locator(".message-text")).to_contain_text("word5")
    ChatMessage.objects.filter(role="user").update(content="words=2")
    last_reply(page).get_by_role("button", name="Try again").click()
    expect(last_reply(page).locator(".message-text")).to_have_text("word1 word2")
    forgive_broken_line(console_errors)
