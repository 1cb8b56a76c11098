"""Keys: making, checking, noting and revoking them, and the pages that do it."""

import datetime
import logging
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from api import keys
from api.keys import Refusal, RefusedKeyError, authenticate, create_key, log_in, revoke
from api.models import ApiKey
from tests.factories import PASSWORD, make_user
from users.models import User

pytestmark = pytest.mark.django_db


def refusal_of(token: str) -> Refusal:
    with pytest.raises(RefusedKeyError) as raised:
        authenticate(token)
    return raised.value.refusal


@pytest.fixture
def alice(client: Client) -> User:
    user = make_user()
    client.force_login(user)
    return user


def test_key_lets_its_owner_in_and_only_its_hash_is_stored() -> None:
    alice = make_user()
    key, token = create_key(user=alice, name="laptop")
    assert authenticate(token) == key
    assert authenticate(token).user == alice
    row = ApiKey.objects.values().get()
    assert token not in str(row)
    assert row["hash"] == keys.digest(token)
    assert token.startswith(row["hint"])
    assert len(row["hint"]) < len(token) / 2


def test_key_has_the_documented_form() -> None:
    token = keys.generate()
    assert re.fullmatch("twinthread_[0-9A-Za-z]{42}", token)
    assert keys.generate() != token
    assert keys.is_well_formed(token)


@given(place=st.integers(len(keys.PREFIX), 52), sign=st.sampled_from(keys.ALPHABET))
def test_checksum_notices_every_changed_character(place: int, sign: str) -> None:
    token = keys.generate()
    changed = token[:place] + sign + token[place + 1 :]
    assert keys.is_well_formed(changed) == (changed == token)


@given(st.text())
def test_any_text_is_refused_as_unknown(text: str) -> None:
    assert refusal_of(text) == (Refusal.UNKNOWN if text else Refusal.MISSING)


def test_refusal_names_the_reason() -> None:
    alice = make_user()
    now = timezone.now()
    assert refusal_of("") == Refusal.MISSING
    assert refusal_of(keys.generate()) == Refusal.UNKNOWN
    key, token = create_key(user=alice, name="old", expires_at=now)
    assert refusal_of(token) == Refusal.EXPIRED
    revoke(key=key)
    assert refusal_of(token) == Refusal.REVOKED
    key, token = create_key(user=alice, name="new", expires_at=now + timedelta(days=1))
    assert authenticate(token) == key
    User.objects.update(is_active=False)
    assert refusal_of(token) == Refusal.CLOSED


def test_revoking_again_keeps_the_first_time() -> None:
    key, _ = create_key(user=make_user(), name="laptop")
    revoke(key=key)
    first = key.revoked_at
    revoke(key=key)
    key.refresh_from_db()
    assert key.revoked_at == first


def test_last_use_is_noted_at_most_hourly() -> None:
    key, token = create_key(user=make_user(), name="laptop")
    authenticate(token, client="OpenAI/Python 3.54.0\r\nX: y" + "z" * 300)
    key.refresh_from_db()
    assert key.last_used_at
    assert key.last_client == ("OpenAI/Python 3.54.0X: y" + "z" * 300)[:200]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        authenticate(token, client="another")
    assert len(queries) == 1
    earlier = timezone.now() - timedelta(hours=2)
    ApiKey.objects.update(last_used_at=earlier)
    authenticate(token, client="another")
    key.refresh_from_db()
    assert key.last_used_at
    assert (key.last_client, key.last_used_at > earlier) == ("another", True)


def test_log_in_token_ends_with_the_password() -> None:
    alice = make_user()
    token = log_in(user=alice)
    key = authenticate(token)
    assert (key.name, key.scope, key.is_login) == ("browser client", "everything", True)
    assert key.expires_at
    assert timedelta(days=29) < key.expires_at - timezone.now() <= timedelta(days=30)
    _, other = create_key(user=alice, name="laptop")
    alice.set_password("staple battery horse")
    alice.save()
    assert refusal_of(token) == Refusal.EXPIRED
    assert authenticate(other).name == "laptop"


def test_number_of_keys_and_of_log_ins_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MOST_KEYS", 2)
    monkeypatch.setattr(keys, "MOST_LOGINS", 2)
    alice, bob = make_user(), make_user("bob")
    first, _ = create_key(user=alice, name="1")
    create_key(user=alice, name="2")
    with pytest.raises(keys.TooManyKeysError):
        create_key(user=alice, name="3")
    revoke(key=first)
    create_key(user=alice, name="3")
    kept = log_in(user=bob)
    tokens = [log_in(user=alice) for _ in range(4)]
    assert [refusal_of(token) for token in tokens[:2]] == [Refusal.UNKNOWN] * 2
    assert [authenticate(token).is_login for token in [*tokens[2:], kept]] == [True] * 3
    assert ApiKey.objects.for_user(alice).count() == 5


def test_page_shows_a_new_key_once(client: Client, alice: User) -> None:
    form = {"name": "laptop", "scope": "read", "chats": "apart", "lasts": "30"}
    response = client.post(reverse("api:keys"), form)
    assert response.status_code == 200
    found = re.findall(keys.FORM, response.content.decode())
    key = authenticate(found[0])
    assert (len(found), key.name, key.scope, key.chats) == (1, "laptop", "read", "apart")
    assert key.expires_at
    assert timedelta(days=29) < key.expires_at - timezone.now() <= timedelta(days=30)
    assert response.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    page = client.get(reverse("api:keys")).content.decode()
    assert re.findall(keys.FORM, page) == []
    assert key.hint in page
    assert reverse("api:keys") in client.get(reverse("users:account")).content.decode()


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "a\0b"}, "Null characters are not allowed."),
        ({"name": "x" * 101}, "Ensure this value has at most 100 characters (it has 101)."),
        ({"scope": "all"}, "Select a valid choice. all is not one of the available choices."),
        ({"lasts": "31"}, "Select a valid choice. 31 is not one of the available choices."),
        ({"lasts": "date"}, "Choose a day from today on."),
        ({"lasts": "date", "until": "2020-01-01"}, "Choose a day from today on."),
        ({"lasts": "date", "until": "soon"}, "Enter a valid date."),
    ],
)
def test_wrong_choice_makes_no_key(
    client: Client, alice: User, fields: dict[str, str], error: str
) -> None:
    form = {"name": "laptop", "scope": "chat", "chats": "listed", "lasts": "90"} | fields
    response = client.post(reverse("api:keys"), form)
    assert response.status_code == 422
    assert error in response.content.decode()
    assert ApiKey.objects.count() == 0


def test_key_lasts_to_the_end_of_the_chosen_day_or_for_ever(client: Client, alice: User) -> None:
    today = timezone.localdate()
    form = {"name": "laptop", "scope": "chat", "chats": "listed"}
    client.post(reverse("api:keys"), form | {"lasts": "date", "until": today.isoformat()})
    client.post(reverse("api:keys"), form | {"lasts": "never"})
    never, dated = ApiKey.objects.for_user(alice)
    assert never.expires_at is None
    assert dated.expires_at
    assert dated.expires_at.date() == today + datetime.timedelta(days=1)
    assert dated.state == "active"


def test_page_revokes_one_key(client: Client, alice: User) -> None:
    key, token = create_key(user=alice, name="laptop")
    _, other = create_key(user=alice, name="desk")
    response = client.post(reverse("api:revoke_key", args=[key.pk]))
    assert response.status_code == 302
    assert refusal_of(token) == Refusal.REVOKED
    assert authenticate(other).name == "desk"


def test_page_takes_as_many_queries_for_three_keys_as_for_one(client: Client, alice: User) -> None:
    counts = []
    for names in (["1"], ["2", "3"]):
        for name in names:
            create_key(user=alice, name=name)
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("api:keys"))
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("admin@example.com", PASSWORD))
    return client


def test_admin_lists_without_a_query_a_row_and_revokes(operator: Client) -> None:
    page = reverse("admin:api_apikey_changelist")
    counts = []
    tokens: list[str] = []
    for names in (["alice"], ["bob", "carol"]):
        tokens += [create_key(user=make_user(name), name=name)[1] for name in names]
        with CaptureQueriesContext(connection) as queries:
            assert operator.get(page).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    chosen = [str(ApiKey.objects.get(name="bob").pk)]
    operator.post(page, {"action": "revoke", "_selected_action": chosen})
    states = dict(ApiKey.objects.values_list("name", "revoked_at"))
    assert [name for name, revoked in states.items() if revoked] == ["bob"]
    shown = operator.get(reverse("admin:api_apikey_change", args=chosen))
    assert shown.status_code == 200
    assert keys.digest(tokens[1]) not in shown.content.decode()
    assert operator.get(reverse("admin:api_apikey_add")).status_code == 403


def test_staff_without_the_right_may_not_see_keys(client: Client) -> None:
    client.force_login(make_user("bob", is_staff=True))
    create_key(user=make_user(), name="laptop")
    assert client.get(reverse("admin:api_apikey_changelist")).status_code == 403


def test_keys_go_with_their_owner(operator: Client) -> None:
    alice = make_user()
    create_key(user=alice, name="laptop")
    page = reverse("admin:users_user_delete", args=[alice.pk])
    assert "API keys" in operator.get(page).content.decode()
    operator.post(page, {"post": "yes"})
    assert ApiKey.objects.count() == 0


def test_no_key_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    _, token = create_key(user=make_user(), name="laptop")
    authenticate(token)
    assert [line for line in caplog.messages if token in line or keys.digest(token) in line] == []
