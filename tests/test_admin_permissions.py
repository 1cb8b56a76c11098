"""Members of staff see and change only what their permissions name."""

from collections.abc import Callable
from itertools import product

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.urls import reverse

from chat.models import ChatMessage
from personas.models import Persona, Sample
from schema.models import QuarantinedRow
from tests.factories import make_message, make_persona, make_thread, make_user
from threads.models import Thread
from users.models import StaffRead, User

pytestmark = pytest.mark.django_db
TEXT, TITLE, PERSONA = "words of alice", "Title of alice", "Twin of alice"
# What the page of a row shows of other tables, and the permission that shows it.
PANELS = {
    ("threads_thread", TEXT): "view_chatmessage",
    ("users_user", TITLE): "view_thread",
    ("users_user", f">{PERSONA}</a>"): "view_persona",
    ("users_user", "1 in all"): "view_chatmessage",
}


@pytest.fixture
def staff() -> Callable[..., Client]:
    def make(*codenames: str) -> Client:
        user = make_user("carol", is_staff=True)
        found = Permission.objects.filter(codename__in=codenames)
        assert len(found) == len(codenames)
        user.user_permissions.set(found)
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.mark.parametrize(("panel", "has_permission"), list(product(PANELS, [False, True])))
def test_panel_is_shown_with_the_permission_to_view_its_rows(
    staff: Callable[..., Client], panel: tuple[str, str], has_permission: bool
) -> None:
    page, text = panel
    alice = make_user()
    thread = make_thread(alice, TITLE, persona=make_persona(alice, PERSONA))
    make_message(thread, TEXT)
    row = {"threads_thread": thread.pk, "users_user": alice.pk}[page]
    own = f"view_{page.split('_')[1]}"
    client = staff(own, *([PANELS[panel]] if has_permission else []))
    answer = client.get(reverse(f"admin:{page}_change", args=[row]))
    assert answer.status_code == 200
    assert (text in answer.content.decode()) == has_permission


@pytest.mark.parametrize("has_permission", [False, True])
def test_filter_names_its_row_with_the_permission_to_view_it(
    staff: Callable[..., Client], has_permission: bool
) -> None:
    alice = make_user()
    client = staff("view_persona", *(["view_user"] if has_permission else []))
    page = client.get(reverse("admin:personas_persona_changelist"), {"user": str(alice.pk)})
    assert (alice.email in page.content.decode()) == has_permission


@pytest.mark.parametrize("has_permission", [False, True])
def test_migrations_page_needs_the_permission_to_view_runs(
    staff: Callable[..., Client], has_permission: bool
) -> None:
    client = staff(*(["view_migrationrun"] if has_permission else []))
    assert client.get(reverse("admin_migrations")).status_code == (200 if has_permission else 403)
    index = client.get(reverse("admin:index")).content.decode()
    assert (reverse("admin_migrations") in index) == has_permission


def put_back(client: Client, row: QuarantinedRow) -> list[str]:
    data = {"action": "put_rows_back", "_selected_action": [row.pk]}
    answer = client.post(reverse("admin:schema_quarantinedrow_changelist"), data)
    return [str(message) for message in get_messages(answer.wsgi_request)]


def as_json(key: object) -> str:
    return str(key) if connection.vendor == "postgresql" else str(key).replace("-", "")


@pytest.mark.parametrize("has_permission", [False, True])
def test_putting_back_needs_the_permission_to_add(
    staff: Callable[..., Client], has_permission: bool
) -> None:
    persona = make_persona(make_user(), color="#112233")
    fields = {
        field.column: persona.serializable_value(field.attname)
        for field in Persona._meta.concrete_fields
    }
    row = {
        name: value if isinstance(value, str | bool | dict) else str(value)
        for name, value in fields.items()
    }
    row |= {"id": as_json(persona.pk), "user_id": as_json(persona.user_id)}
    persona.delete()
    quarantined = QuarantinedRow.objects.create(table_name="personas", row=row, reason="no user")
    permissions = ["view_quarantinedrow", "change_quarantinedrow", "view_persona"]
    client = staff(*permissions, *(["add_persona"] if has_permission else []))
    messages = put_back(client, quarantined)
    if has_permission:
        assert messages == ["1 put back."]
    else:
        assert messages == [f"Row {quarantined.pk}: you may not add rows to personas."]
    assert Persona.objects.count() == int(has_permission)
    assert QuarantinedRow.objects.count() == int(not has_permission)


def test_account_put_back_does_not_open_the_admin(staff: Callable[..., Client]) -> None:
    row = {
        "id": as_json(make_thread(make_user("bob")).pk),
        "email": "mallory@example.com",
        "password_hash": "",
        "name": "Mallory",
        "is_active": True,
        "is_staff": True,
        "is_superuser": True,
        "created_at": "2025-01-01 00:00:00+00:00",
        "updated_at": "2025-01-01 00:00:00+00:00",
    }
    quarantined = QuarantinedRow.objects.create(table_name="users", row=row, reason="no name")
    client = staff("view_quarantinedrow", "change_quarantinedrow", "view_user", "add_user")
    assert put_back(client, quarantined) == ["1 put back."]
    mallory = User.objects.get(email="mallory@example.com")
    assert (mallory.is_staff, mallory.is_superuser, mallory.is_active) == (False, False, True)


def test_staff_cannot_grant_themselves_permissions(staff: Callable[..., Client]) -> None:
    client = staff("view_user", "change_user")
    carol = User.objects.get()
    data = {
        "email": carol.email,
        "name": "C",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
    }
    address = reverse("admin:users_user_change", args=[carol.pk])
    assert client.post(address, data).status_code == 302
    carol.refresh_from_db()
    assert (carol.name, carol.is_staff, carol.is_superuser) == ("C", True, False)
    assert sorted(carol.get_all_permissions()) == ["users.change_user", "users.view_user"]


def test_staff_cannot_change_or_delete_a_superuser(staff: Callable[..., Client]) -> None:
    root = User.objects.create_superuser("root@example.com", "correct horse battery")
    client = staff("view_user", "change_user", "delete_user")
    data = {"email": "carol2@example.com", "name": "", "is_active": "on"}
    password = {
        "usable_password": "true",
        "password1": "quite another",
        "password2": "quite another",
    }
    for name, posted in (
        ("users_user_change", data),
        ("auth_user_password_change", password),
        ("users_user_delete", {"post": "yes"}),
    ):
        assert client.post(reverse(f"admin:{name}", args=[root.pk]), posted).status_code == 403
    root.refresh_from_db()
    assert (root.email, root.check_password("correct horse battery")) == ("root@example.com", True)


def test_what_staff_reads_of_others_is_recorded_and_shown(staff: Callable[..., Client]) -> None:
    alice = make_user()
    persona = make_persona(alice, PERSONA)
    thread = make_thread(alice, TITLE, persona=persona)
    message = make_message(thread, TEXT)
    sample = Sample.objects.create(persona=persona, text=TEXT)
    names: dict[str, ChatMessage | Thread | Persona | Sample] = {
        "chat_chatmessage": message,
        "threads_thread": thread,
        "personas_persona": persona,
        "personas_sample": sample,
    }
    client = staff("view_user", *(f"view_{name.partition('_')[2]}" for name in names))
    carol = User.objects.get(name="Carol")
    make_thread(carol)
    expected = []
    for name, row in names.items():
        pages = {"list": reverse(f"admin:{name}_changelist")}
        for page, view in (("row", "change"), ("history", "history")):
            pages[page] = reverse(f"admin:{name}_{view}", args=[row.pk])
        for page, address in pages.items():
            assert client.get(address).status_code == 200
            key = None if page == "list" else row.pk
            expected.append((page, name.replace("_", "."), key, 1))
    account = reverse("admin:users_user_change", args=[alice.pk])
    assert client.get(account).status_code == 200
    expected.append(("account", "users.user", alice.pk, 1))
    reads = StaffRead.objects.order_by("id")
    assert list(reads.values_list("page", "kind", "row", "rows")) == expected
    assert {(read.staff, read.staff_email, read.person) for read in reads} == {
        (carol.pk, carol.email, alice.pk)
    }
    # Who may only see accounts reads no words, so nothing is recorded, and is not shown the reads.
    carol.user_permissions.set(Permission.objects.filter(codename="view_user"))
    assert carol.email not in client.get(account).content.decode()
    assert reads.count() == len(expected)
    boss = Client()
    boss.force_login(make_user("bob", is_staff=True, is_superuser=True))
    assert carol.email in boss.get(account).content.decode()
    everything = boss.get(reverse("admin:users_staffread_changelist"), {"q": str(alice.pk)})
    assert everything.content.decode().count(carol.email) == len(expected)


def test_quarantined_rows_are_shown_with_the_permission_to_view_their_table(
    staff: Callable[..., Client],
) -> None:
    for table in ("chat_messages", "personas", "gone"):
        QuarantinedRow.objects.create(table_name=table, row={"content": TEXT}, reason="no user")
    page = reverse("admin:schema_quarantinedrow_changelist")
    client = staff("view_quarantinedrow", "view_persona")
    shown = client.get(page).context["cl"].result_list
    assert [row.table_name for row in shown] == ["personas"]
    hidden = QuarantinedRow.objects.get(table_name="chat_messages")
    address = reverse("admin:schema_quarantinedrow_change", args=[hidden.pk])
    assert TEXT not in client.get(address, follow=True).content.decode()
