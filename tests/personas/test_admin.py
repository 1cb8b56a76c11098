"""Personas and users in the admin."""

import pytest
from django.test import Client
from django.urls import reverse

from personas.models import Persona
from tests.factories import make_message, make_persona, make_thread, make_user
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("admin@example.com", "secret words"))
    return client


def form(persona: Persona, **changes: str) -> dict[str, str]:
    return {
        "user": str(persona.user_id),
        "name": persona.name,
        "description": persona.description,
        "color": persona.color,
        "metadata": "{}",
    } | changes


def test_activating_a_persona_deactivates_the_other(operator: Client) -> None:
    alice = make_user()
    first, second = make_persona(alice, "First"), make_persona(alice, "Second")
    page = reverse("admin:personas_persona_change", args=[second.pk])
    answer = operator.post(page, form(second, is_active="on"))
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    active = Persona.objects.order_by("name").values_list("name", "is_active")
    assert list(active) == [("First", False), ("Second", True)]
    assert first.pk != second.pk


def test_persona_color_must_be_hexadecimal(operator: Client) -> None:
    persona = make_persona(make_user())
    page = reverse("admin:personas_persona_change", args=[persona.pk])
    answer = operator.post(page, form(persona, color="red"))
    assert answer.status_code == 200
    assert "six hexadecimal digits" in answer.content.decode()
    page = operator.get(reverse("admin:personas_persona_changelist")).content.decode()
    assert f'fill="{persona.color}"' in page
    assert " style=" not in page


def test_user_page_links_personas_threads_and_messages(operator: Client) -> None:
    alice = make_user()
    thread = make_thread(alice, "Plans", persona=make_persona(alice, "Blunt"))
    make_message(thread)
    text = operator.get(reverse("admin:users_user_change", args=[alice.pk])).content.decode()
    for name, key in [("threads_thread", thread.pk), ("personas_persona", thread.persona_id)]:
        assert f'href="{reverse(f"admin:{name}_change", args=[key])}"' in text
    assert f"{reverse('admin:chat_chatmessage_changelist')}?user={alice.pk}" in text
    assert "1 in all" in text


def test_row_without_a_name_has_a_link(operator: Client) -> None:
    thread = make_thread(make_user(), " ")
    make_message(thread)
    text = operator.get(reverse("admin:chat_chatmessage_changelist")).content.decode()
    page = reverse("admin:threads_thread_change", args=[thread.pk])
    assert f'<a href="{page}">(unnamed)</a>' in text


def test_user_is_created_and_changed_and_gets_a_password(operator: Client) -> None:
    add = {
        "email": "carol@example.com",
        "name": "Carol",
        "usable_password": "true",
        "password1": "a lovely long one",
        "password2": "a lovely long one",
    }
    assert operator.post(reverse("admin:users_user_add"), add).status_code == 302
    carol = User.objects.get(email="carol@example.com")
    assert carol.check_password("a lovely long one")
    again = operator.post(reverse("admin:users_user_add"), add | {"email": "CAROL@example.com"})
    assert "There is an account with this e-mail address already." in again.content.decode()
    page = reverse("admin:users_user_change", args=[carol.pk])
    answer = operator.post(page, {"email": "c@example.com", "name": "C", "is_active": "on"})
    assert answer.status_code == 302
    carol.refresh_from_db()
    assert (carol.email, carol.name) == ("c@example.com", "C")
    password = {
        "usable_password": "true",
        "password1": "quite another",
        "password2": "quite another",
    }
    address = reverse("admin:auth_user_password_change", args=[carol.pk])
    assert operator.post(address, password).status_code == 302
    carol.refresh_from_db()
    assert carol.check_password("quite another")


def test_legacy_password_hash_is_shown_by_its_algorithm(operator: Client) -> None:
    alice = make_user()
    bare = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
    User.objects.filter(pk=alice.pk).update(password=bare)
    text = operator.get(reverse("admin:users_user_change", args=[alice.pk])).content.decode()
    assert "bcrypt" in text
    assert bare not in text


@pytest.mark.parametrize("page", ["index", "users_user_changelist", "chat_chatmessage_changelist"])
def test_admin_is_for_staff_only(client: Client, page: str) -> None:
    for log_in in (reverse("users:log_in"), reverse("admin:login")):
        answer = client.get(reverse(f"admin:{page}"))
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith((log_in, reverse("admin:login")))
        client.force_login(User.objects.first() or make_user())
