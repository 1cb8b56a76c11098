"""A key opens what its owner has, and nothing else, on any route of the API with any verb.

The routes are read from the resolver, so those that come later are covered without a word here.
"""

import json
import re

import pytest
from django.test import Client

from api.keys import create_key
from tests.factories import make_message, make_persona, make_thread, make_user
from tests.test_isolation import API, EVERY, METHODS, Route, rows_of, secrets_in, snapshot

pytestmark = pytest.mark.django_db
# What needs no key.
OPEN = {"api/auth/signup", "api/auth/login", "health", "api/docs", "api/openapi.json"}
MARK = "alices-own-words"
# Bodies that the routes take, by a word of their address.
BODIES = {
    "personas": {"name": "Mine now", "description": "Mine now", "color": "#336699"},
    "messages": {"text": "Mine now"},
    "threads": {"title": "Mine now", "description": "Mine now"},
}
ROUTES = {route.path: route for route in EVERY if route.path.startswith(API)}
WITH_ROWS = [route for path, route in ROUTES.items() if route.keys and path not in OPEN]


def address(route: Route, values: dict[str, str]) -> str:
    # A model is a persona.
    rows = values | {"model": values["persona"]}
    return route.filled({name: rows[name.removesuffix("_id")] for name in route.keys})


def ask(token: str, verb: str, path: str) -> tuple[int, list[str]]:
    client = Client(raise_request_exception=False)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = next((body for word, body in BODIES.items() if word in path), {})
    sent = json.dumps(body) if verb in {"POST", "PUT", "PATCH"} else ""
    kind = "application/json"
    response = client.generic(verb, path, data=sent, content_type=kind, headers=headers)
    return response.status_code, secrets_in(response)


@pytest.mark.parametrize("route", WITH_ROWS, ids=lambda route: route.path)
def test_somebody_elses_row_is_not_found(route: Route) -> None:
    rows = rows_of(make_user("alice"), MARK)
    bob = make_user("bob")
    for number in range(2):  # nothing of bob's is the last of its kind
        make_message(make_thread(bob, persona=make_persona(bob, str(number))))
    _, token = create_key(user=bob, name="bob", scope="everything")
    before = snapshot()
    answers = {verb: ask(token, verb, address(route, rows)) for verb in METHODS}
    # OPTIONS is answered for any path.
    assert answers.pop("OPTIONS") == (204, [])
    assert {status for status, _ in answers.values()} <= {404, 405}
    assert [lines for _, lines in answers.values() if lines] == []
    after = snapshot()
    used = {"api.ApiKey", "users.Attempt"}  # the last use is noted, the request counted
    assert {name: after[name] for name in after if name not in used} == {
        name: before[name] for name in before if name not in used
    }


@pytest.mark.parametrize("path", sorted(set(ROUTES) - OPEN))
def test_no_route_opens_without_a_key(path: str) -> None:
    alice = make_user("alice")
    values = rows_of(alice, MARK)
    client = Client()
    client.force_login(alice)  # a session is none
    before = snapshot()
    for verb in METHODS:
        response = client.generic(verb, address(ROUTES[path], values))
        assert response.status_code in {204 if verb == "OPTIONS" else 401, 404, 405}
        assert secrets_in(response) == []
    assert snapshot() == before


def test_the_walker_knows_the_routes() -> None:
    assert len(WITH_ROWS) >= 4
    assert set(ROUTES) > OPEN
    assert not [route.path for route in WITH_ROWS if not re.search("<", route.path)]
