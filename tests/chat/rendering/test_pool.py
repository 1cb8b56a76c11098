"""Texts rendered within limits, and requests that do not wait for them."""

import signal
from collections.abc import Iterator

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pygments.lexers import get_all_lexers

from chat import renderings
from chat.models import ChatMessage, MessageRendering
from chat.rendering import markdown, pool
from tests.factories import make_message, make_thread, make_user

# Each takes a lexer, or the parser, between a second and longer than anybody waits.
SLOW = [
    pytest.param('```maple\n"' + "\\" * 60 + "\n```", id="exponential lexer"),
    pytest.param("```make\n" + "(" * 18_000 + "\n```", id="quadratic lexer"),
    pytest.param("```make\n" + "lorem ipsum dolor sit amet " * 700 + "\n```", id="prose as make"),
    pytest.param("```java\n" + "a " * 9_500 + "\n```", id="prose as java"),
    pytest.param("```ocaml\n" + "0" * 19_000 + "\n```", id="zeros as ocaml"),
]
LONG = [
    "a" * 1_000_000,
    "# *x* " * 30_000,
    ">" * 40_000,
    "[" * 40_000,
    "![" * 20_000,
    "*a _b " * 6_000,
    "`" * 39_000 + "a",
    "<" * 40_000,
    "&" * 40_000,
    "\\(" * 20_000,
    "www." * 10_000,
    "https://a.b/" + ")" * 40_000,
    "\n".join(" " * depth + "- a" for depth in range(250)),
    "```python\n" + "('" * 9_000 + "\n```",
    "```c\nx\n```\n" * 3_000,
    "|a" * 400 + "|\n" + "|-" * 400 + "|\n" + ("|b" * 400 + "|\n") * 47,
]
FOREVER = 1_000_000.0
LANGUAGES = sorted(alias for _, aliases, _, _ in get_all_lexers() for alias in aliases)


@pytest.fixture
def own_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[pool.Pool]:
    own = pool.Pool(1)
    monkeypatch.setattr(pool, "_pool", own)
    yield own
    own.close()


@pytest.mark.engines("any")
@pytest.mark.parametrize("text", SLOW)
def test_code_that_a_lexer_cannot_finish_is_shown_without_colours(text: str) -> None:
    rendered = pool.render(text, wait=FOREVER)
    assert rendered.html == markdown.render(text, colours=False)
    assert rendered.is_final


@pytest.mark.engines("any")
@pytest.mark.parametrize("text", LONG, ids=lambda text: repr(text[:12]))
def test_any_text_is_rendered(text: str) -> None:
    assert pool.render(text, wait=FOREVER).is_final


@pytest.mark.engines("any")
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    language=st.sampled_from(LANGUAGES),
    part=st.text(min_size=1, max_size=8) | st.text("\\\"'([{<%$#*/a0 \n", min_size=1, max_size=4),
    times=st.integers(1, 150_000),
)
def test_any_code_in_any_language_is_rendered(language: str, part: str, times: int) -> None:
    text = f"```{language}\n{(part * times)[:1_000_000]}\n```"
    rendered = pool.render(text, wait=FOREVER)
    assert rendered.is_final
    assert rendered.html.startswith("<")


@pytest.mark.engines("any")
def test_text_that_exceeds_all_limits_is_shown_as_written(
    own_pool: pool.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "ATTEMPTS", ((True, 0.001), (False, 0.001)))
    text = "|a" * 400 + "|\n" + "|-" * 400 + "|\n"
    assert pool.render(text * 40, wait=FOREVER).html == markdown.plain(text * 40)
    # The next worker takes its place.
    monkeypatch.setattr(pool, "ATTEMPTS", ((True, FOREVER),))
    assert pool.render("*a*", wait=FOREVER).html == "<p><em>a</em></p>\n"


@pytest.mark.engines("any")
def test_worker_knows_nothing_of_the_environment(
    own_pool: pool.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "of-the-site")
    pool.render("a", wait=FOREVER)
    (worker,) = own_pool.workers.values()
    with open(f"/proc/{worker.process.pid}/environ", "rb") as file:  # noqa: PTH123
        assert b"of-the-site" not in file.read()


@pytest.mark.django_db
def test_requests_are_answered_while_a_text_is_rendered(
    client: Client, own_pool: pool.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text would take years, and its only limit is lifted until the gate is opened."""
    monkeypatch.setattr(pool, "ATTEMPTS", ((True, FOREVER), (False, FOREVER)))
    alice = make_user()
    client.force_login(alice)
    thread = make_thread(alice)
    slow = '```maple\n"' + "\\" * 60 + "\n```"
    message = make_message(thread, slow, role="assistant")
    page = client.get(f"/threads/{thread.pk}/").content.decode()
    assert '<div class="plain">```maple' in page
    (job,) = own_pool.jobs.values()
    assert client.get("/healthz").status_code == 200
    assert client.get(f"/threads/{thread.pk}/").status_code == 200
    assert not job.done()
    assert not MessageRendering.objects.exists()
    (worker,) = own_pool.workers.values()
    worker.process.send_signal(signal.SIGPROF)  # as the system does at the limit
    job.result()
    page = client.get(f"/threads/{thread.pk}/").content.decode()
    html = markdown.render(slow, colours=False)
    assert html in page
    assert list(MessageRendering.objects.values_list("message", "html")) == [(message.pk, html)]


@pytest.mark.django_db
def test_no_view_renders_a_message_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = make_user()
    client.force_login(alice)
    thread = make_thread(alice)
    texts = ["*short*", "*long* " * 2_000, "x" * 300_000]
    messages = [make_message(thread, text, role="twin") for text in texts]
    monkeypatch.setattr(renderings, "PAGE_SECONDS", FOREVER)
    first = client.get(f"/threads/{thread.pk}/").content
    monkeypatch.setattr(pool, "render", None)
    second = client.get(f"/threads/{thread.pk}/").content
    assert second.count(b"<em>") == first.count(b"<em>") == 2_001
    monkeypatch.undo()
    monkeypatch.setattr(renderings, "PAGE_SECONDS", FOREVER)
    # An edited text is another one, whoever edited it.
    ChatMessage.objects.filter(pk=messages[0].pk).update(content="*edited*")
    assert "<em>edited</em>" in client.get(f"/threads/{thread.pk}/").content.decode()
    assert MessageRendering.objects.filter(message=messages[0]).count() == 2
    messages[0].delete()
    assert MessageRendering.objects.filter(message=messages[0].pk).count() == 0


@pytest.mark.django_db(transaction=True)
def test_page_is_shown_although_its_renderings_cannot_be_stored(client: Client) -> None:
    alice = make_user()
    message = make_message(make_thread(alice), "*a*", role="assistant")
    ghost = ChatMessage(pk=message.pk, role="assistant", content="*b*")
    message.delete()
    assert renderings.html_by_id([ghost]) == {ghost.pk: "<p><em>b</em></p>\n"}
