"""What is exported comes in again as it was, and once."""

import datetime
import io
import zipfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat import branches
from chat.models import ChatMessage, MessageVersion, Reply
from personas.models import Persona
from tests.chat.imports.files import everything, exported, import_bytes, neutral, quick_user
from tests.factories import make_message, make_persona, make_thread
from threads.models import Thread
from users.models import User

pytestmark = pytest.mark.django_db

texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30
) | st.sampled_from(
    ["", "🎉👩🏽‍💻", "שלום עולם", "مرحبا", "\ufeff\u2028\x1f", "=1+1", "x" * 1_000_000]
)
timestamps = st.datetimes(
    datetime.datetime(1990, 1, 1), datetime.datetime(2090, 1, 1), timezones=st.just(datetime.UTC)
)
states = st.fixed_dictionaries(
    {
        "pinned_at": st.none() | timestamps,
        "archived_at": st.none() | timestamps,
        "model": st.sampled_from(["", "a-model"]),
        "title_is_automatic": st.booleans(),
    }
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from(["json", "zip"]))
def test_round_trip_is_lossless_and_importing_twice_adds_nothing(data: Any, name: str) -> None:
    User.objects.all().delete()
    alice, bob = quick_user("alice"), quick_user("bob")
    personas = [
        make_persona(
            alice,
            data.draw(texts) or "Twin",
            description=data.draw(texts),
            color=data.draw(st.sampled_from(["#4f46e5", "#000000"])),
            metadata={"a": data.draw(texts)},
        )
        for _ in range(data.draw(st.integers(0, 2)))
    ]
    if personas and data.draw(st.booleans()):
        Persona.objects.filter(pk=personas[-1].pk).update(is_active=True)
    if data.draw(st.booleans()):
        ChatMessage.objects.create(user=alice, role="user", content="for General")
        Thread.objects.filter(user=alice).update(title=data.draw(texts)[:255], **data.draw(states))
    for _ in range(data.draw(st.integers(0, 2))):
        persona = data.draw(st.sampled_from([None, *personas]))
        title = data.draw(texts)[:255]
        facts = data.draw(states)
        thread = make_thread(alice, title, description=data.draw(texts), persona=persona, **facts)
        said = data.draw(
            st.lists(st.tuples(texts, st.sampled_from(["user", "assistant", "twin"])), max_size=4)
        )
        same = thread.created_at
        for content, role in said:
            message = make_message(thread, content, role=role, created_at=same)
            MessageVersion.objects.create(
                message=message, role=role, content=content, written_at=same
            )
            Reply.objects.create(
                thread=thread,
                answer=message,
                voice="twin",
                persona=persona,
                status=data.draw(st.sampled_from(["complete", "stopped", "failed"])),
                model=content[:20],
                prompt_tokens=data.draw(st.none() | st.integers(0, 2**31 - 1)),
                reasoning=data.draw(texts),
                reasoning_ms=data.draw(st.none() | st.integers(0, 2**31 - 1)),
            )
        for message in thread.messages.all():
            if data.draw(st.booleans()):
                branches.set_aside(message)
                make_message(thread, data.draw(texts), created_at=same)
    first = exported(alice, name)
    account = zipfile.ZipFile(io.BytesIO(first)).read("account.json") if name == "zip" else first
    import_bytes(bob, first)
    assert neutral(exported(bob)) == neutral(account)
    before = everything()
    again = import_bytes(bob, first)
    assert (again.added.total(), everything()) == (0, before)
    assert import_bytes(alice, first).added.total() == 0
    assert everything() == before
    assert import_bytes(bob, exported(bob)).added.total() == 0
