"""Conversations in a browser, with a model server that also fails."""

import re
import uuid

import pytest
from playwright.sync_api import Locator, Page, expect

from chat.models import ChatMessage, Reply
from tests.chat.provider_server import ProviderServer
from tests.chat.rendering.attacks import ATTACKS, RUN
from tests.factories import PASSWORD
from tests.site import Site


def send(page: Page, text: str) -> None:
    page.get_by_label("Your message").last.fill(text)
    page.keyboard.press("Enter")
    expect(page.locator(".entry.user").last).to_contain_text(text)


def last_reply(page: Page) -> Locator:
    return page.locator(".entry:not(.user)").last


def wait_until_done(page: Page) -> None:
    expect(page.locator("[data-stream]")).to_have_count(0)


def open_edit(page: Page) -> Locator:
    """Open the form that edits the last question; return its field once it is filled."""
    page.locator(".entry.user").last.get_by_label("Edit").click()
    field = page.locator("[data-edit] textarea")
    expect(field).to_be_focused()
    return field


def test_conversation_works_from_sign_up_to_dark_mode_on_a_phone(
    page: Page, provider: ProviderServer
) -> None:
    page.goto("/account/sign-up/")
    page.get_by_label("Name").fill("Alice Moreau")
    page.get_by_label("E-mail").fill("alice@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    page.wait_for_url("**/threads/*/")
    page.goto("/personas/new/")
    page.get_by_label("Name", exact=True).fill("Captain")
    page.get_by_role("button", name="Create persona").click()
    page.locator("a.switcher").click()
    page.get_by_role("button", name="Captain", exact=True).click()
    page.get_by_role("button", name="New thread").click()
    page.wait_for_url("**/threads/*/")
    expect(page.locator(".voices")).to_contain_text("Captain")

    send(page, "Hello words=3")
    expect(last_reply(page).locator(".message-text")).to_have_text("word1 word2 word3")
    expect(last_reply(page).locator(".name")).to_have_text("Captain")
    wait_until_done(page)
    expect(page.locator("main h1")).to_have_text(re.compile("Hello words=3|A fitting title"))

    page.locator(".voices").get_by_label("Assistant").check()
    send(page, "And you? words=2")
    expect(last_reply(page).locator(".name")).to_have_text("Assistant")
    expect(last_reply(page).locator(".message-text")).to_have_text("word1 word2")
    wait_until_done(page)

    send(page, "Slowly words=60 hold=5")
    expect(last_reply(page).locator(".message-text")).to_contain_text("word5")
    page.reload()
    provider.release(6)
    expect(last_reply(page).locator(".message-text")).to_contain_text(
        "word1 word2 word3 word4 word5 word6"
    )
    expect(page).to_have_title(re.compile("Hello words=3|A fitting title"))
    page.get_by_role("button", name="Stop the reply").click()
    wait_until_done(page)
    expect(last_reply(page)).to_contain_text("You stopped this reply.")
    stopped = Reply.objects.latest("created_at")
    assert stopped.answer is not None
    expect(last_reply(page).locator(".message-text")).to_have_text(stopped.answer.content.strip())

    ChatMessage.objects.filter(content__startswith="Slowly").update(content="words=5")
    last_reply(page).get_by_role("button", name="Try again").click()
    expect(last_reply(page).locator(".message-text")).to_have_text("word1 word2 word3 word4 word5")
    wait_until_done(page)
    expect(last_reply(page).locator(".alternatives")).to_contain_text("2/2")
    last_reply(page).get_by_label("Previous version").click()
    expect(last_reply(page)).to_contain_text("You stopped this reply.")
    last_reply(page).get_by_label("Next version").click()
    expect(last_reply(page).locator(".message-text")).to_have_text("word1 word2 word3 word4 word5")

    page.get_by_role("button", name="Dark", exact=True).click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(25, 24, 22)"
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    send(page, "On the phone words=1")
    wait_until_done(page)
    expect(page.locator("#composer")).to_be_in_viewport()
    expect(last_reply(page).locator(".message-text")).to_be_in_viewport()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("words=2 after=drop", "The reply was cut off before its end."),
        ("status=429", "accepts no more requests for now"),
        ("status=401", "does not accept this site's key"),
    ],
)
def test_failed_reply_is_explained_and_can_be_retried(
    alice_page: Page, script: str, reason: str
) -> None:
    page = alice_page
    send(page, f"Hello {script}")
    wait_until_done(page)
    expect(last_reply(page)).to_contain_text(reason)
    if "words" in script:
        expect(last_reply(page).locator(".message-text")).to_have_text("word1 word2")
    ChatMessage.objects.filter(role="user").update(content="Hello words=3")
    last_reply(page).get_by_role("button", name="Try again").click()
    expect(last_reply(page).locator(".message-text")).to_have_text("word1 word2 word3")
    wait_until_done(page)
    kept = ["word1 word2"] if "words" in script else []  # on a branch of its own
    messages = ChatMessage.objects.order_by("created_at", "id")
    rows = [(row.thread.branch_of is None, row.content.strip()) for row in messages if row.thread]
    shown = [content for is_shown, content in rows if is_shown]
    assert shown == ["Hello words=3", "word1 word2 word3"]
    assert [content for is_shown, content in rows if not is_shown] == kept


def test_silent_model_is_reported(alice_page: Page, impatient_site: Site) -> None:
    page = alice_page
    page.goto(f"{impatient_site.url}/threads{page.url.partition('/threads')[2]}")
    send(page, "Hello words=2 after=stall")
    wait_until_done(page)
    expect(last_reply(page)).to_contain_text("The model went silent.")
    expect(last_reply(page).locator(".message-text")).to_have_text("word1 word2")


BLOCKS = """# Head

Words that **are strong** and `code` and more words.

```python
print(1)
print(2)
```

1. one
2. two **and** more

| a | b |
|--:|:--|
| 1 | 2 |

- [x] done

"""
SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => {
        for (const shift of list.getEntries()) window.shifted += shift.value;
    }).observe({ type: "layout-shift", buffered: false });
"""


def test_streaming_reply_is_formatted_and_nothing_moves(
    alice_page: Page, provider: ProviderServer
) -> None:
    page = alice_page
    provider.texts["blocks"] = BLOCKS * 3 + "The **end " + "end " * 20 + "end**"
    send(page, "text=blocks hold=7")
    reply = page.locator("[data-stream]")
    expect(reply.locator("h1")).to_have_text("Head")
    expect(reply.locator("strong")).to_have_text("are strong")
    page.evaluate(SHIFTS)
    page.evaluate("document.querySelector('[data-stream] h1').mark = 'kept'")
    for words, selector, text in (
        (13, ".code .nb", "print"),
        (20, "ol > li:nth-child(2) strong", "and"),
        (32, "td.align-left", "2"),
    ):
        provider.release(words)
        expect(reply.locator(selector)).to_have_text(text)
    page.reload()
    expect(reply.locator("td.align-left")).to_have_text("2")
    page.evaluate(SHIFTS)
    page.evaluate("document.querySelector('[data-stream] h1').mark = 'kept'")
    page.set_viewport_size({"width": 1280, "height": 500})
    provider.release(90)
    expect(reply.locator("h1")).to_have_count(3)
    expect(reply.locator("h1").last).to_be_in_viewport()
    page.mouse.move(600, 200)
    page.mouse.wheel(0, -900)  # the person reads what was written before
    expect(reply.locator("h1").last).not_to_be_in_viewport()
    place = page.evaluate("scrollY")
    provider.release(115)
    expect(reply.locator("p strong").last).to_contain_text("end end")
    assert page.evaluate("document.querySelector('[data-stream] h1').mark") == "kept"
    provider.release()
    wait_until_done(page)
    expect(last_reply(page).locator(".message-text h1")).to_have_count(3)
    expect(last_reply(page).locator("p strong").last).to_contain_text("end end")
    assert page.evaluate("scrollY") == place
    assert page.evaluate("window.shifted") < 0.02


def test_second_tab_shows_the_same_reply_and_refuses_a_second(alice_page: Page) -> None:
    page = alice_page
    send(page, "Slowly words=40 hold=3")
    second = page.context.new_page()
    second.goto(page.url)
    expect(last_reply(second).locator(".message-text")).to_contain_text("word1 word2 word3")
    second.get_by_label("Your message").last.fill("Me too")
    second.keyboard.press("Enter")
    expect(second.get_by_role("alert")).to_contain_text("A reply is being written")
    expect(second.get_by_label("Your message").last).to_have_value("Me too")
    second.reload()
    expect(second.get_by_label("Your message").last).to_have_value("Me too")
    page.get_by_role("button", name="Stop the reply").click()
    wait_until_done(second)
    expect(last_reply(second)).to_contain_text("You stopped this reply.")
    wait_until_done(page)
    send(page, "Seen in both words=2")
    expect(second.locator(".entry.user").last).to_contain_text("Seen in both")
    expect(last_reply(second).locator(".message-text")).to_have_text("word1 word2")
    wait_until_done(page)
    second.close()


def test_edit_and_resend_keeps_the_earlier_exchange(alice_page: Page) -> None:
    page = alice_page
    send(page, "First words=1")
    wait_until_done(page)
    open_edit(page).fill("Second words=2")
    page.get_by_role("button", name="Send again").click()
    expect(last_reply(page).locator(".message-text")).to_have_text("word1 word2")
    wait_until_done(page)
    expect(page.locator(".entry.user")).to_have_count(1)
    page.locator(".entry.user").get_by_label("Previous version").click()
    expect(page.locator(".entry.user")).to_contain_text("First words=1")
    expect(last_reply(page).locator(".message-text")).to_have_text("word1")


def test_delete_asks_for_confirmation(alice_page: Page) -> None:
    page = alice_page
    send(page, "Hello words=1")
    wait_until_done(page)
    last_reply(page).get_by_label("Delete").click()
    assert ChatMessage.objects.count() == 2
    last_reply(page).get_by_label("Delete for good? Press again").click()
    expect(page.locator(".entry.note")).to_contain_text("Nobody has answered this message.")
    expect(page.locator("[data-entry]")).to_have_count(1)
    assert ChatMessage.objects.count() == 1


def test_long_conversation_opens_at_the_end_and_loads_upwards(alice_page: Page) -> None:
    page = alice_page
    thread = uuid.UUID(page.url.rstrip("/").rpartition("/")[2])
    send(page, "Hello words=1")
    wait_until_done(page)
    first = ChatMessage.objects.filter(thread=thread).earliest("created_at")
    ChatMessage.objects.bulk_create(
        ChatMessage(user=first.user, thread_id=thread, role="user", content=f"Number {n}")
        for n in range(150)
    )
    page.reload()
    expect(page.locator(".message-text", has_text="Number 149")).to_be_in_viewport()
    assert page.locator("[data-entry]").count() == 20
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator(".message-text", has_text="Number 95")).to_be_attached()
    expect(page.locator(".message-text", has_text="Number 130")).to_be_in_viewport()
    page.goto(first.get_absolute_url())
    expect(page.locator(".target")).to_be_in_viewport()
    expect(page.locator(".target")).to_contain_text("Hello words=1")


def test_markdown_attacks_run_nothing_and_fetch_nothing(
    alice_page: Page, provider: ProviderServer
) -> None:
    page = alice_page
    provider.texts["attacks"] = "\n\n".join(ATTACKS)
    fetched: list[str] = []
    own = page.url.partition("/threads")[0]
    page.on("request", lambda r: None if r.url.startswith(own) else fetched.append(r.url))
    page.evaluate("window.attacked = 0")
    send(page, "text=attacks")
    wait_until_done(page)
    links = page.locator(".entry.assistant .message-text a").evaluate_all(
        "all => all.map(a => a.href)"
    )
    assert [link for link in links if not re.match("(https?://|mailto:)|$", link)] == []
    assert (
        page.locator(".entry.assistant .message-text :is(img, script, svg, iframe, style)").count()
        == 0
    )
    page.mouse.move(600, 400)
    page.reload()
    page.get_by_role("button", name="New thread").click()
    page.wait_for_url("**/threads/*/")
    page.evaluate("window.attacked = 0")
    send(page, f"<img src=x onerror='{RUN}'><script>{RUN}</script> text=attacks")
    wait_until_done(page)
    assert page.evaluate("window.attacked") == 0
    assert fetched == []
    assert page.evaluate("window.violations") == []
