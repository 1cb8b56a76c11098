"""The messages that are sent to the model."""

from typing import Any

import pytest

from chat.generation import prompt, twin
from chat.generation.tokens import estimate_tokens
from chat.models import ChatMessage, Reply
from tests.factories import make_message, make_persona, make_thread, make_user
from threads.models import Thread

pytestmark = pytest.mark.django_db


def make_reply(thread: Thread, question: ChatMessage, **fields: Any) -> Reply:
    fields.setdefault("voice", "assistant")
    return Reply.objects.create(thread=thread, question=question, **fields)


def test_history_is_sent_in_order_and_the_replaced_answer_is_not() -> None:
    thread = make_thread(make_user())
    make_message(thread, "One")
    make_message(thread, "Two", role="assistant")
    make_message(thread, "Three", role="twin")
    question = make_message(thread, "Four")
    answer = make_message(thread, "Five", role="assistant")
    sent = prompt.for_reply(make_reply(thread, question, answer=answer))
    assert [(message["role"], message.get("content")) for message in sent[1:]] == [
        ("user", "One"),
        ("assistant", "Two\n\nThree"),
        ("user", "Four"),
    ]


def test_history_is_trimmed_to_what_the_model_reads(settings: Any) -> None:
    settings.OPENAI_CONTEXT_TOKENS = 1000
    thread = make_thread(make_user())
    for number in range(200):
        role = "assistant" if number % 2 else "user"
        make_message(thread, f"{number} " + "word " * 20, role=role)
    question = make_message(thread, "The question")
    sent = prompt.for_reply(make_reply(thread, question))
    assert sent[-1].get("content") == "The question"
    texts = [str(message.get("content")) for message in sent]
    assert sum(estimate_tokens(text) for text in texts) <= 750
    assert 10 < len(sent) < 30
    assert [message["role"] for message in sent[1:3]] == ["user", "assistant"]
    assert texts[1].startswith(str(200 - len(texts[1:-1])))
    half = prompt.for_reply(make_reply_again(thread, question), share=0.5)
    assert len(half) < len(sent)


@pytest.mark.parametrize(
    ("roles", "sent"),
    [
        (["user", "user"], ["user"]),
        (["assistant", "user"], ["user"]),
        (
            ["assistant", "twin", "user", "assistant", "twin", "user", "user"],
            ["user", "assistant", "user"],
        ),
    ],
)
def test_roles_alternate_and_begin_with_the_user(roles: list[str], sent: list[str]) -> None:
    thread = make_thread(make_user())
    for number, role in enumerate(roles[:-1]):
        make_message(thread, f"Text {number}", role=role)
    question = make_message(thread, "The question")
    system, *rest = prompt.for_reply(make_reply(thread, question))
    assert [message["role"] for message in rest] == sent
    whole = "\n\n".join(str(message.get("content")) for message in rest)
    everything = f"{system.get('content')}\n\n{whole}"
    texts = [f"Text {number}" for number in range(len(roles) - 1)]
    assert [text for text in texts if text in everything] == texts
    assert whole.endswith("The question")


def make_reply_again(thread: Thread, question: ChatMessage) -> Reply:
    Reply.objects.all().delete()
    return make_reply(thread, question)


def test_question_goes_whole_even_if_it_is_too_long(settings: Any) -> None:
    settings.OPENAI_CONTEXT_TOKENS = 100
    thread = make_thread(make_user())
    make_message(thread, "Before")
    question = make_message(thread, "word " * 1000)
    sent = prompt.for_reply(make_reply(thread, question))
    assert [message.get("content") for message in sent[1:]] == [question.content]


@pytest.mark.parametrize(
    "metadata",
    [{}, [], None, "text", {"tone": None}, {"commonPhrases": {"Ahoy": 3}, "tone": ["dry"]}],
)
def test_twin_speaks_whatever_the_metadata_looks_like(metadata: Any) -> None:
    alice = make_user()
    persona = make_persona(alice, "Captain", description="A sailor")
    persona.metadata = metadata
    sent = twin.instructions(persona, "Alice", question="Hello", room=6_000)
    assert "You are Captain, the digital twin of Alice" in sent
    assert "About you: A sailor" in sent
    assert "None" not in sent


def test_estimate_is_more_than_the_rule_of_thumb() -> None:
    english = "The quick brown fox jumps over the lazy dog, twice a day. " * 10
    assert estimate_tokens(english) > len(english) / 4
    assert estimate_tokens("今日はとても良い天気ですね。") >= 14
