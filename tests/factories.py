"""Create rows for the tests. The users are called alice and bob."""

from typing import Any

from chat.models import ChatMessage
from personas.models import Persona
from threads.models import Thread
from users.models import User

PASSWORD = "correct horse battery"


def make_user(name: str = "alice", **fields: Any) -> User:
    """Return a new user called `name`."""
    return User.objects.create_user(f"{name}@example.com", PASSWORD, name=name.title(), **fields)


def make_persona(user: User, name: str = "Twin", **fields: Any) -> Persona:
    """Return a new persona of `user`."""
    persona = Persona.objects.create(user=user, name=name, **fields)
    persona.refresh_from_db()
    return persona


def make_thread(user: User, title: str = "Plans", **fields: Any) -> Thread:
    """Return a new thread of `user`."""
    return Thread.objects.create(user=user, title=title, **fields)


def make_message(thread: Thread, content: str = "Hello", **fields: Any) -> ChatMessage:
    """Return a new message in `thread`, written by its user unless `role` is given."""
    fields.setdefault("role", ChatMessage.Role.USER)
    return ChatMessage.objects.create(user=thread.user, thread=thread, content=content, **fields)
