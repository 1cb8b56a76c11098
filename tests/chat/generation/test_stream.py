"""Replies over real HTTP, from a server that does what servers do."""

import re
import threading

import pytest

from chat.models import ChatMessage, Reply
from tests.chat.provider_server import ProviderServer
from tests.factories import make_message, make_persona, make_thread, make_user
from tests.site import Site
from tests.waiting import wait_for

WORDS = "word1 word2 word3 word4 "


def test_reply_streams_and_becomes_one_message(site: Site, provider: ProviderServer) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    reply = visitor.send(thread, "Hello hold=1")
    assert visitor.read(reply, on_first=provider.release) == (WORDS, "complete")
    reply.refresh_from_db()
    said = list(thread.messages.order_by("created_at").values_list("role", "content"))
    assert said == [("user", "Hello hold=1"), ("assistant", WORDS)]
    assert (reply.model, reply.prompt_tokens, reply.completion_tokens) == ("small-model", 11, 4)
    assert reply.text == ""
    thread.refresh_from_db()
    assert thread.message_count == 2
    assert "sk-test-key" in provider.keys


def test_twin_speaks_as_the_persona(site: Site, provider: ProviderServer) -> None:
    alice = make_user()
    persona = make_persona(alice, "Captain", metadata={"tone": "salty", "commonPhrases": ["Ahoy"]})
    thread = make_thread(alice, persona=persona)
    visitor = site.log_in(alice)
    reply = visitor.send(thread, "Hello words=1", voice="twin")
    assert visitor.read(reply)[1] == "complete"
    said = [request for request in provider.requests if request.get("stream")][-1]
    system = said["messages"][0]["content"]
    assert "Captain" in system
    assert "salty" in system
    assert "Ahoy" in system
    assert thread.messages.filter(role="twin", content="word1 ").count() == 1


def test_dropped_line_goes_on_where_it_was(site: Site, provider: ProviderServer) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    reply = visitor.send(thread, "Hello words=8 hold=3")
    first = next(visitor.follow(reply.pk))
    assert first.key == len(first.data)
    provider.release(4)
    rest, status = visitor.read(reply, at=first.key, on_first=provider.release)
    assert status == "complete"
    assert first.data + rest == "".join(f"word{n} " for n in range(1, 9))


@pytest.mark.parametrize(
    ("script", "failure", "kept"),
    [
        ("after=drop", "cut_off", WORDS),
        ("after=error", "broken", WORDS),
        ("after=length", "length", WORDS),
        ("after=filter", "filtered", WORDS),
        ("words=0 after=cut", "empty", None),
        ("words=0 after=drop", "cut_off", None),
        ("words=0", "empty", None),
        ("status=401", "refused", None),
        ("status=404", "no_model", None),
        ("status=429", "rate_limited", None),
        ("status=500", "broken", None),
    ],
)
def test_failure_is_named_and_what_arrived_is_kept(
    site: Site, script: str, failure: str, kept: str | None
) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    reply = visitor.send(thread, f"Hello {script}")
    assert visitor.read(reply)[1] == "failed"
    reply.refresh_from_db()
    assert (reply.status, reply.failure) == ("failed", failure)
    answers = list(thread.messages.exclude(role="user").values_list("content", flat=True))
    assert answers == ([kept] if kept else [])
    status, page = visitor.get(f"/threads/{thread.pk}/")
    assert status == 200
    assert reply.reason.replace("'", "&#x27;") in page
    assert "Try again" in page


def test_done_is_an_end_without_a_reason(site: Site, provider: ProviderServer) -> None:
    alice = make_user()
    visitor = site.log_in(alice)
    reply = visitor.send(make_thread(alice), "Hello after=cut hold=1")
    assert visitor.read(reply, on_first=provider.release) == (WORDS, "complete")


def test_silent_server_is_given_up_and_what_arrived_is_kept(impatient_site: Site) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = impatient_site.log_in(alice)
    reply = visitor.send(thread, "Hello after=stall")
    assert visitor.read(reply)[1] == "failed"
    reply.refresh_from_db()
    assert (reply.status, reply.failure) == ("failed", "silent")
    assert thread.messages.get(role="assistant").content == WORDS


def test_retry_after_failure_answers_the_same_message(site: Site) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    reply = visitor.send(thread, "Hello status=429")
    assert visitor.read(reply)[1] == "failed"
    reply.refresh_from_db()
    assert reply.retry_after == 7
    ChatMessage.objects.filter(thread=thread).update(content="Hello")
    status, _ = visitor.post(f"/threads/{thread.pk}/again/", voice="assistant")
    assert status == 200
    second = Reply.objects.exclude(pk=reply.pk).get()
    assert visitor.read(second)[1] == "complete"
    assert list(thread.messages.order_by("created_at").values_list("role", flat=True)) == [
        "user",
        "assistant",
    ]


def test_second_reply_in_a_thread_is_refused_and_nothing_is_saved(site: Site) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    reply = visitor.send(thread, "Hello after=stall")
    status, text = visitor.post(f"/threads/{thread.pk}/messages/", text="And another thing")
    assert (status, text) == (
        409,
        "A reply is being written in this thread. Stop it, or wait until it is done.",
    )
    assert thread.messages.filter(role="user").count() == 1
    visitor.post(f"/replies/{reply.pk}/stop/")
    assert visitor.read(reply)[1] == "stopped"


def test_message_sent_twice_at_once_is_one_message(site: Site) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    key = "01890000-0000-7000-8000-000000000001"
    answers: list[int] = []

    def send() -> None:
        path = f"/threads/{thread.pk}/messages/"
        answers.append(visitor.post(path, text="Hello words=1", key=key)[0])

    senders = [threading.Thread(target=send) for _ in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert answers == [200] * 6
    wait_for(lambda: thread.messages.count() == 2)
    assert Reply.objects.count() == 1


def test_message_sent_again_later_shows_what_came_of_it(site: Site) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    key = "01890000-0000-7000-8000-000000000002"
    assert visitor.read(visitor.send(thread, "Hello words=2", key=key))[1] == "complete"
    path = f"/threads/{thread.pk}/messages/"
    status, page = visitor.post(path, text="Hello words=2", key=key)
    assert status == 200
    assert re.findall("<p>word1 word2</p>|Try again|No reply", page) == ["<p>word1 word2</p>"]
    status, page = visitor.post(path, text="Hello, otherwise", key=key)
    assert (status, page.partition(".")[0]) == (409, "This was sent before you changed it")
    assert thread.messages.count() == 2


def test_threads_new_name_follows_the_end(site: Site, provider: ProviderServer) -> None:
    alice = make_user()
    thread = make_thread(alice, "New thread", title_is_automatic=True)
    visitor = site.log_in(alice)
    reply = visitor.send(thread, "Hello words=3 hold=1")
    stream = visitor.follow(reply.pk)
    assert next(stream).data == "word1 "
    provider.release()
    events = [(event.name, event.data) for event in stream if event.name]
    assert [name for name, _ in events] == ["end", "title"]
    assert events[0][1]["title"] in {"Hello words=3 hold=1", "A fitting title"}
    assert events[1][1] == "A fitting title"


def test_characters_of_every_plane_are_resumed_anywhere(
    site: Site, provider: ProviderServer
) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    whole = "😀 👨‍👩‍👧 e\u0301 日本 𝔘 end " * 3
    provider.texts["planes"] = whole
    reply = visitor.send(thread, "text=planes hold=0")
    words = ""
    for number in range(1, len(whole.split())):
        provider.release(number)
        event = next(visitor.follow(reply.pk, at=len(words)))
        words += event.data
        assert (event.key, words) == (len(words), whole[: len(words)])
    provider.release()
    assert visitor.read(reply, at=len(words))[1] == "complete"
    assert thread.messages.get(role="assistant").content == whole


def test_stop_keeps_what_arrived(site: Site) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    reply = visitor.send(thread, "Hello words=100 hold=5")
    stream = visitor.follow(reply.pk)
    first = next(stream)
    assert visitor.post(f"/replies/{reply.pk}/stop/")[0] == 204
    events = list(stream)
    assert events[-1].data["status"] == "stopped"
    words = first.data + "".join(event.data for event in events[:-1])
    answer = thread.messages.get(role="assistant")
    assert answer.content == words
    assert "You stopped this reply" in events[-1].data["html"]


def test_regenerated_reply_keeps_the_earlier_one_as_a_branch(site: Site) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    assert visitor.read(visitor.send(thread, "Hello words=2"))[1] == "complete"
    first = thread.messages.get(role="assistant")
    ChatMessage.objects.filter(role="user").update(content="Hello words=3")
    visitor.post(f"/threads/{thread.pk}/again/", voice="twin")
    assert visitor.read(Reply.objects.latest("created_at"))[1] == "complete"
    second = thread.messages.exclude(role="user").get()
    assert (second.role, second.content) == ("twin", "word1 word2 word3 ")
    status, page = visitor.get(f"/threads/{thread.pk}/")
    assert (status, "<span>2/2</span>" in page) == (200, True)
    assert site.log_in(make_user("bob")).post(f"/messages/{first.pk}/branch/")[0] == 404
    assert visitor.post(f"/messages/{first.pk}/branch/")[0] in (200, 302)
    assert thread.messages.exclude(role="user").get() == first
    assert "<span>1/2</span>" in visitor.get(f"/threads/{thread.pk}/")[1]


def test_edited_message_keeps_its_wording_and_its_reply(site: Site) -> None:
    alice = make_user()
    thread = make_thread(alice)
    visitor = site.log_in(alice)
    assert visitor.read(visitor.send(thread, "First words=1"))[1] == "complete"
    question = thread.messages.get(role="user")
    assert "First words=1</textarea>" in visitor.get(f"/messages/{question.pk}/edit/")[1]
    status, _ = visitor.post(f"/messages/{question.pk}/edit/", text="Second words=2")
    assert status == 200
    assert visitor.read(Reply.objects.latest("created_at"))[1] == "complete"
    said = list(thread.messages.order_by("created_at").values_list("role", "content"))
    assert said == [("user", "Second words=2"), ("assistant", "word1 word2 ")]
    visitor.post(f"/messages/{question.pk}/branch/")
    said = list(thread.messages.order_by("created_at").values_list("role", "content"))
    assert said == [("user", "First words=1"), ("assistant", "word1 ")]


def test_message_without_an_answer_can_be_answered_later(site: Site) -> None:
    alice = make_user()
    thread = make_thread(alice, persona=make_persona(alice, "Captain"))
    make_message(thread, "Hello words=1")
    visitor = site.log_in(alice)
    page = visitor.get(f"/threads/{thread.pk}/")[1]
    assert ("Answer now" in page, "Answer as Captain" in page) == (True, True)
    visitor.post(f"/threads/{thread.pk}/again/", voice="twin")
    assert visitor.read(Reply.objects.get())[1] == "complete"
    assert thread.messages.get(role="twin").content == "word1 "
    page = visitor.get(f"/threads/{thread.pk}/")[1]
    assert ("Answer now" in page, "Answer as Assistant" in page) == (False, True)


def test_somebody_elses_conversation_is_not_found(site: Site) -> None:
    alice, bob = make_user(), make_user("bob")
    thread = make_thread(alice)
    owner, other = site.log_in(alice), site.log_in(bob)
    reply = owner.send(thread, "Hello words=1")
    message = thread.messages.get(role="user")
    paths = [f"/threads/{thread.pk}/", f"/replies/{reply.pk}/stream/"]
    paths += [f"/messages/{message.pk}/{verb}" for verb in ("", "text/", "versions/")]
    assert [other.get(path)[0] for path in paths] == [404] * len(paths)
    posts = [f"/threads/{thread.pk}/messages/", f"/threads/{thread.pk}/again/"]
    posts += [f"/messages/{message.pk}/edit/", f"/messages/{message.pk}/delete/"]
    posts += [f"/replies/{reply.pk}/stop/"]
    assert [other.post(path, text="Mine")[0] for path in posts] == [404] * len(posts)
    own = make_thread(bob)
    assert other.post(f"/threads/{own.pk}/messages/", text="Hi", key=message.pk)[0] == 422
    assert owner.get(f"/messages/{message.pk}/text/") == (200, "Hello words=1")
