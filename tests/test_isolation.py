"""No route gives access to another user's rows, with any HTTP method.

The routes are read from the resolver, so new ones are covered automatically. The test fails for a
route whose arguments it cannot fill in, and for a public route that is not listed.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from secrets import token_urlsafe

import pytest
from django.apps import apps
from django.contrib.auth.decorators import login_not_required
from django.db import models
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from api.keys import create_key
from chat.models import Reply, Share
from personas.models import Sample
from tests.factories import make_message, make_persona, make_thread, make_user
from users.models import User

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
# A form that any route would take, so that no answer comes from a form that is not filled in.
FORM = {
    "text": "Mine now",
    "title": "Mine now",
    "name": "Mine now",
    "color": "#336699",
    "voice": "twin",
    "model": "other",
    "description": "Mine now",
}
MARK = "alices-own-words"
# What anybody may see: signing in and up, and what a load balancer asks.
OPEN = {
    "account/sign-up/",
    "account/log-in/",
    "account/reset/",
    "account/reset/sent/",
    "account/reset/<uidb64>/<token>/",
    "account/theme/",
    "account/language/",
    "offline/",
    "service-worker.js",
    "texts/<slug:language>-<slug:digest>.js",
    "shared/<str:key>/",
}
# What a route may hold besides the keys of rows.
WORDS = {"name": "json", "language": "de", "digest": "0", "key": "0"}
# Programs come with keys, not with sessions: tests/api/test_isolation.py.
API = ("api/", "v1/", "health")
# The admin's routes are for staff, whoever's the rows are.
ADMIN = "admin/"
ADMIN_OPEN = {"admin/login/", "admin/logout/"}


@dataclass(frozen=True)
class Route:
    """One route, and the names of what its address holds."""

    path: str
    keys: tuple[str, ...]
    view: object

    def filled(self, values: dict[str, str]) -> str:
        """Return the address with alice's rows in it."""
        path = re.sub(r"\(\?P(<\w+>)[^)]*\)|[\^$]", lambda match: match[1] or "", self.path)
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: (WORDS | values)[match[1]], path)
        return f"/{path}"


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, path)
        else:
            names = [name for name in re.findall(r"<(?:\w+:)?(\w+)>", path) if name not in WORDS]
            yield Route(path, tuple(names), pattern.callback)


EVERY = list(routes(get_resolver().url_patterns))
ROUTES = [route for route in EVERY if not route.path.startswith((ADMIN, *API))]
ADMINS = [route for route in EVERY if route.path.startswith(ADMIN)]
WITH_ROWS = [route for route in ROUTES if route.keys and route.path not in OPEN]


def rows_of(owner: User, words: str = "Words") -> dict[str, str]:
    """Make a row of every kind that `owner` has, by the name a route calls it."""
    persona = make_persona(owner, words, description=words)
    thread = make_thread(owner, words, persona=persona, description=words)
    message = make_message(thread, words)
    key, _ = create_key(user=owner, name=words)
    made: dict[str, models.Model] = {"persona": persona, "thread": thread, "message": message}
    made["apikey"] = key
    made["share"] = Share.objects.create(thread=thread, key=token_urlsafe())
    made["sample"] = Sample.objects.create(persona=persona, text=words)
    for name in {name for route in WITH_ROWS for name in route.keys} - {"pk", *made}:
        model = apps.get_model("chat", name)
        made[name] = model._default_manager.create(**fields_of(owner, model, made))
    Reply.objects.update(status="complete")
    return {name: str(row.pk) for name, row in made.items()}


def fields_of(
    owner: User, model: type[models.Model], made: dict[str, models.Model]
) -> dict[str, object]:
    """Return what a row of a `model` that came after this test needs: alice's rows, choices."""
    rows: dict[object, object] = {User: owner}
    rows.update({type(row): row for row in made.values()})
    needed = [field for field in model._meta.concrete_fields if not field.null]
    related = {field.name: rows[field.related_model] for field in needed if field.is_relation}
    chosen = {
        field.name: field.choices[0][0]
        for field in needed
        if isinstance(field.choices, list) and not field.has_default()
    }
    return related | chosen


def row_named(route: Route, rows: dict[str, str]) -> dict[str, str]:
    """Return `rows` with `pk` standing for what the route's first part names."""
    return rows | {"pk": rows.get(route.path.split("/")[0].rstrip("s"), "")}


def secrets_in(response: HttpResponseBase) -> list[str]:
    """Return the lines of an answer that hold alice's words."""
    if isinstance(response, StreamingHttpResponse):
        # What streams through the event loop names one reply, in its address.
        body = b"" if response.is_async else b"".join(response)
    else:
        body = getattr(response, "content", b"")
    text = body.decode(errors="replace") + str(response.headers)
    return [line for line in text.splitlines() if MARK in line]


def snapshot() -> dict[str, list[tuple[object, ...]]]:
    """Return everything that the domain's tables hold."""
    return {
        model._meta.label: sorted(model._default_manager.values_list(), key=str)
        for room in ("users", "personas", "threads", "chat", "api")
        for model in apps.get_app_config(room).get_models()
    }


@pytest.mark.django_db
@pytest.mark.parametrize("route", WITH_ROWS, ids=lambda route: route.path)
def test_row_of_another_user_is_not_found(route: Route) -> None:
    alice, bob = make_user("alice"), make_user("bob")
    rows = row_named(route, rows_of(alice))
    assert all(rows[name] for name in route.keys), "a route this test cannot fill in"
    own = make_persona(bob)
    thread = make_thread(bob, persona=own)
    make_message(thread)
    client = Client()
    client.force_login(bob)
    before = snapshot()
    for headers in ({}, {"HX-Request": "true"}):
        answers = ask(client, route.filled(rows), headers)
        # 405 says that the route knows no such method, whoever asks and whatever for.
        assert answers == ask(client, route.filled(nowhere(rows)), headers)
        assert set(answers.values()) <= {404, 405}
        assert 404 in answers.values()
    assert snapshot() == before


def ask(client: Client, path: str, headers: dict[str, str]) -> dict[str, int]:
    """Return the statuses of every method, and of a form filled in."""
    answers = {
        method: client.generic(method, path, headers=headers).status_code for method in METHODS
    }
    return answers | {"form": client.post(path, FORM, headers=headers).status_code}


@pytest.mark.django_db
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path or "home")
def test_keys_of_another_user_open_nothing(route: Route) -> None:
    theirs = rows_of(make_user("alice"), MARK)
    before = snapshot()
    bob = make_user("bob")
    own = row_named(route, rows_of(bob)) | {"uidb64": "b", "token": "t"}
    query = {**theirs, "q": "own", "after": theirs["message"], "key": theirs["message"]}
    for method, headers in product(METHODS, ({}, {"HX-Request": "true"})):
        client = Client()
        client.force_login(bob)
        path = route.filled(own)
        sent = client.generic(method, path, query_params=query, headers=headers)
        assert secrets_in(sent) == []
        if method == "POST":
            filled = client.post(path, FORM | query, headers=headers)
            assert secrets_in(filled) == []
    after = snapshot()
    for table, rows in before.items():
        assert [row for row in rows if row not in after[table]] == []
        fresh = [row for row in after[table] if row not in rows]
        assert not {str(value) for row in fresh for value in row}.intersection(theirs.values())


@pytest.mark.django_db
@pytest.mark.parametrize("route", ADMINS, ids=lambda route: route.path)
def test_admin_is_closed_to_users_who_are_not_staff(route: Route) -> None:
    rows = rows_of(make_user("alice"), MARK)
    values = {"object_id": rows["message"], "app_label": "chat", "url": "nowhere/"}
    path = route.filled(values | {"content_type_id": "1", "id": rows["message"]})
    client = Client()
    client.force_login(make_user("bob"))
    before = snapshot()
    for method in METHODS:
        response = client.generic(method, path)
        assert secrets_in(response) == []
        if route.path not in ADMIN_OPEN:
            assert response.status_code == 302
            assert response.headers["Location"].startswith("/admin/login/?next=/admin/")
    assert snapshot() == before


def nowhere(rows: dict[str, str]) -> dict[str, str]:
    """Return keys of rows that do not exist."""
    return {name: str(uuid.uuid4()) for name in rows}


@pytest.mark.django_db
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path or "home")
def test_anonymous_users_are_redirected_to_the_log_in(route: Route) -> None:
    if route.path in OPEN:
        assert not getattr(route.view, "login_required", True)
        return
    rows = row_named(route, rows_of(make_user()))
    before = snapshot()
    for method in METHODS:
        response = Client().generic(method, route.filled(rows))
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/account/log-in/?next=/")
    assert snapshot() == before


def test_public_and_private_views_are_distinguished() -> None:
    def closed() -> None: ...

    assert getattr(closed, "login_required", True)
    assert not getattr(login_not_required(closed), "login_required", True)  # type: ignore[type-var]  # no view
    assert {route.path for route in ROUTES} >= OPEN
