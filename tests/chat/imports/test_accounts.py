"""What an import makes of what is in the account already."""

import datetime
import json
import os
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections

from chat.imports.keys import KeyResolver
from chat.imports.reading import RefusedError
from chat.models import ChatMessage, MessageVersion, Reply
from personas.models import Persona
from tests.chat.imports.files import (
    exported,
    import_bytes,
    neutral,
    preview_bytes,
    quick_user,
)
from tests.factories import make_message, make_persona, make_thread
from threads.models import Thread
from threads.signup import create_account
from uploads import kept
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.engines("sqlite", "postgresql")]
WHEN = datetime.datetime(2025, 3, 4, 5, 6, 7, 89, tzinfo=datetime.UTC)


def joined(name: str) -> User:
    """Return somebody who has just signed up."""
    return create_account(email=f"{name}@example.com", password="correct horse", name=name)


def lived_in() -> User:
    """Return somebody with every kind of row in every state."""
    alice = joined("alice")
    general = Thread.objects.get(user=alice)
    second = make_persona(alice, "Second", metadata={"tone": "dry"}, description="Other")
    Persona.objects.filter(pk=second.pk).update(is_active=True)
    Thread.objects.filter(pk=general.pk).update(
        title="All the rest", description="Odds", pinned_at=WHEN, persona=second, model="m"
    )
    make_message(general, "for General")
    make_message(make_thread(alice, "Archived", archived_at=WHEN), "old", role="assistant")
    return alice


@pytest.mark.parametrize("name", ["json", "zip"])
def test_moving_into_an_account_just_signed_up_loses_nothing_and_leaves_nothing_over(
    name: str,
) -> None:
    alice, bob = lived_in(), joined("bob")
    data = exported(alice, name)
    shown = preview_bytes(bob, data)
    assert shown == import_bytes(bob, data)
    assert neutral(exported(bob)) == neutral(exported(alice))
    before = [*Persona.objects.values_list("pk"), *Thread.objects.values_list("pk")]
    assert not import_bytes(bob, data)
    assert [*Persona.objects.values_list("pk"), *Thread.objects.values_list("pk")] == before


def test_account_in_use_keeps_its_general_thread_and_its_active_persona() -> None:
    alice, bob = lived_in(), joined("bob")
    make_message(Thread.objects.get(user=bob), "hello")
    import_bytes(bob, exported(alice))
    general = Thread.objects.get(user=bob, is_general=True)
    assert (general.title, general.message_count) == ("General", 2)
    active = list(Persona.objects.for_user(bob).values_list("name", "is_active"))
    assert active == [("alice", False), ("Second", False), ("bob", True)]


def test_own_archive_imported_again_leaves_a_new_account_as_it_is() -> None:
    alice = joined("alice")
    before = neutral(exported(alice))
    assert not import_bytes(alice, exported(alice))
    assert neutral(exported(alice)) == before


def test_deleted_threads_come_back_and_the_report_says_so() -> None:
    alice = quick_user("alice")
    kept, gone = make_thread(alice), make_thread(alice, "Gone")
    make_message(kept, "kept")
    make_message(gone, "gone")
    data = exported(alice)
    Thread.objects.filter(pk=gone.pk).update(deleted_at=WHEN)
    shown = preview_bytes(alice, data)
    assert Thread.objects.get(pk=gone.pk).deleted_at == WHEN
    assert (shown.restored, bool(shown)) == (1, True)
    assert import_bytes(alice, data) == shown
    assert Thread.objects.get(pk=gone.pk).deleted_at is None
    assert not import_bytes(alice, data)


def test_general_thread_deleted_since_comes_back_with_its_messages() -> None:
    alice, bob = lived_in(), quick_user("bob")
    data = exported(alice)
    import_bytes(bob, data)
    Thread.objects.filter(user=bob, is_general=True).update(is_general=False, deleted_at=WHEN)
    ChatMessage.objects.create(user=bob, role="user", content="makes another General")
    assert import_bytes(bob, data).restored == 1
    assert not Thread.objects.filter(user=bob, deleted_at__isnull=False).exists()


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_file_at_once_add_it_once_and_both_say_so() -> None:
    alice, bob = lived_in(), joined("bob")
    data = exported(alice)
    reports: list[Any] = []
    start = threading.Barrier(2)

    def run() -> None:
        start.wait()
        try:
            reports.append(import_bytes(bob, data))
        except Exception as error:
            reports.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    added = sorted(report.added.total() for report in reports)
    assert added[0] == 0
    assert added[1] > 0
    assert neutral(exported(bob)) == neutral(exported(alice))
    assert len(json.loads(exported(bob))["messages"]) == 2


def test_one_upload_a_person_waits_and_old_ones_go(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "uploads")
    alice, bob = quick_user("alice"), quick_user("bob")

    def upload() -> SimpleUploadedFile:
        return SimpleUploadedFile("file", b"[]")

    first, his = kept.keep(alice.pk, upload()), kept.keep(bob.pk, upload())
    second = kept.keep(alice.pk, upload())
    assert kept.find(alice.pk, first) is None
    assert kept.find(alice.pk, his) is None
    waiting = [kept.find(alice.pk, second), kept.find(bob.pk, his)]
    assert all(path and path.read_bytes() == b"[]" for path in waiting)
    for path in (tmp_path / "uploads").iterdir():
        os.utime(path, (0, 0))
    kept.keep(alice.pk, upload())
    assert kept.find(bob.pk, his) is None


def test_upload_is_not_put_into_a_folder_of_somebody_else(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="belongs to another user"):
        kept.keep(quick_user("alice").pk, SimpleUploadedFile("file", b"[]"))
    assert list(tmp_path.iterdir()) == []


def test_ids_of_another_account_are_never_used() -> None:
    alice, bob = quick_user("alice"), quick_user("bob")
    thread = make_thread(alice, persona=make_persona(alice))
    question, answer = make_message(thread, "q"), make_message(thread, "a", role="twin")
    MessageVersion.objects.create(
        message=question, role="user", content="v", written_at=question.created_at
    )
    Reply.objects.create(
        thread=thread, question=question, answer=answer, voice="twin", status="complete"
    )
    models: list[Any] = [Persona, Thread, ChatMessage, MessageVersion, Reply]
    hers = [set(model.objects.values_list("pk", flat=True)) for model in models]
    before = exported(alice)
    import_bytes(bob, before)
    for model, keys in zip(models, hers, strict=True):
        assert model.objects.filter(pk__in=keys).count() == len(keys)
        assert model.objects.count() == 2 * len(keys)
    assert neutral(exported(alice)) == neutral(before)
    version = MessageVersion.objects.get(message__user=bob)
    reply = Reply.objects.get(thread__user=bob)
    assert reply.question
    assert reply.answer
    assert [version.message.user, reply.question.user, reply.answer.user] == [bob] * 3
    assert (reply.thread, version.message) == (reply.question.thread, reply.question)


@pytest.mark.parametrize("kind", ["persona", "thread", "message", "version", "reply"])
def test_row_whose_new_id_is_taken_by_another_account_is_refused(kind: Any) -> None:
    alice, bob = quick_user("alice"), quick_user("bob")
    thread = make_thread(bob, persona=make_persona(bob))
    question = make_message(thread)
    MessageVersion.objects.create(
        message=question, role="user", content="v", written_at=question.created_at
    )
    Reply.objects.create(thread=thread, question=question, voice="twin", status="complete")
    data = exported(bob)
    carol = quick_user("carol")
    row = json.loads(data)[f"{kind}s" if kind != "reply" else "replies"][0]
    resolver = KeyResolver(carol, "default", None)
    taken = resolver.new_key(kind, row["id"], uuid.UUID(row["id"]))
    theirs = make_thread(alice)
    message = make_message(theirs)
    if kind == "persona":
        make_persona(alice, pk=taken)
    elif kind == "thread":
        make_thread(alice, pk=taken)
    elif kind == "message":
        make_message(theirs, pk=taken)
    elif kind == "version":
        MessageVersion.objects.create(
            pk=taken, message=message, role="user", content="", written_at=WHEN
        )
    else:
        Reply.objects.create(pk=taken, thread=theirs, voice="twin", status="complete")
    with pytest.raises(RefusedError, match="An id in the file is taken"):
        import_bytes(carol, data)
    assert not Thread.objects.filter(user=carol).exists()
