"""Whatever rows the database can hold, their owner's export can be imported and is equal."""

import datetime
import json
from typing import Any

import pytest
from django.db.models import JSONField, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.exports.archive import export
from chat.exports.source import Source
from chat.models import ChatMessage, MessageVersion, Reply
from personas.models import Persona, Sample
from tests.chat.imports.files import exported, import_bytes, neutral, quick_user
from tests.factories import make_message, make_persona, make_thread
from threads.models import Thread
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.engines("sqlite", "postgresql")]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
COUNT = st.none() | st.integers(-(2**31), 2**31 - 1)
TIME = st.datetimes(
    datetime.datetime(1, 1, 2), datetime.datetime(9999, 12, 30), timezones=st.just(datetime.UTC)
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": [value]}
    return value


def rows(data: Any, alice: User) -> None:
    """Write rows of each kind with values that no page would write."""
    personas = [make_persona(alice, data.draw(TEXT)) for _ in range(2)]
    for persona in personas:
        metadata = data.draw(JSON | st.integers(1, 100).map(nested))
        Persona.objects.filter(pk=persona.pk).update(
            metadata=Value(metadata, JSONField()), description=data.draw(TEXT)
        )
    Sample.objects.create(
        persona=personas[0],
        text=data.draw(TEXT),
        source=data.draw(st.sampled_from(Sample.Source.values)),
        origin=data.draw(TEXT),
        created_at=data.draw(TIME),
    )
    threads = [make_thread(alice, data.draw(TEXT)) for _ in range(2)]
    messages = [
        make_message(thread, data.draw(TEXT), role=role)
        for thread in threads
        for role in ("user", "twin")
    ]
    for message in messages:
        ChatMessage.objects.filter(pk=message.pk).update(
            created_at=data.draw(TIME), updated_at=data.draw(TIME)
        )
    MessageVersion.objects.create(
        message=messages[0],
        role=data.draw(TEXT),
        content=data.draw(TEXT),
        written_at=data.draw(TIME),
        replaced_at=data.draw(TIME),
    )
    Reply.objects.create(
        thread=threads[0],
        question=data.draw(st.sampled_from([None, *messages])),
        answer=data.draw(st.sampled_from([None, *messages])),
        persona=data.draw(st.sampled_from([None, *personas])),
        voice="twin",
        status=data.draw(st.sampled_from(["complete", "failed", "stopped", "interrupted"])),
        model=data.draw(TEXT),
        text=data.draw(TEXT),
        failure=data.draw(TEXT),
        error=data.draw(TEXT),
        prompt_tokens=data.draw(COUNT),
        completion_tokens=data.draw(COUNT),
    )
    Thread.objects.filter(pk=threads[0].pk).update(
        persona=data.draw(st.sampled_from([None, *personas])), updated_at=data.draw(TIME)
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_export_of_any_rows_is_imported_and_equal(data: Any) -> None:
    User.objects.all().delete()
    alice, bob = quick_user("alice"), quick_user("bob")
    rows(data, alice)
    import_bytes(bob, exported(alice))
    assert neutral(exported(bob)) == neutral(exported(alice))
    assert import_bytes(bob, exported(alice)).added.total() == 0


def test_thread_that_was_given_to_another_persona_is_imported() -> None:
    alice, bob = quick_user("alice"), quick_user("bob")
    first, second = make_persona(alice, "First"), make_persona(alice, "Second")
    thread = make_thread(alice, persona=first)
    question = make_message(thread)
    Reply.objects.create(
        thread=thread, question=question, voice="twin", persona=first, status="complete"
    )
    Thread.objects.update(persona=second)
    data = b"".join(export(Source(alice, thread), "json"))
    report = import_bytes(bob, data)
    assert (report.added["persona"], report.added["reply"]) == (2, 1)
    reply = Reply.objects.get(thread__user=bob)
    assert reply.persona
    assert (reply.persona.name, reply.persona.user) == ("First", bob)


def test_reference_to_a_row_that_is_not_in_the_file_is_null_where_it_may_be() -> None:
    alice, bob = quick_user("alice"), quick_user("bob")
    thread, elsewhere = make_thread(alice), make_thread(alice)
    question = make_message(elsewhere)
    Reply.objects.create(thread=thread, question=question, voice="twin", status="complete")
    report = import_bytes(bob, b"".join(export(Source(alice, thread), "json")))
    assert report.skipped == {"references to rows that are not in the file": 1}
    assert Reply.objects.get(thread__user=bob).question is None


@pytest.mark.parametrize("count", [2**31, -(2**31) - 1, 10**30])
def test_count_that_the_column_does_not_hold_is_null(count: int) -> None:
    alice, bob = quick_user("alice"), quick_user("bob")
    Reply.objects.create(thread=make_thread(alice), voice="twin", status="complete")
    archive = json.loads(exported(alice))
    archive["replies"][0]["prompt_tokens"] = count
    import_bytes(bob, json.dumps(archive).encode())
    assert Reply.objects.get(thread__user=bob).prompt_tokens is None
