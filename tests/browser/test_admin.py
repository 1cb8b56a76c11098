"""The admin in a browser: nothing is cut off, and it works under the security policy."""

from io import StringIO

from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import Page

from chat.models import ChatMessage
from schema.models import MigrationRun
from tests.factories import PASSWORD

LISTS = {
    name: f"/admin/{name}/"
    for name in (
        *("users/user", "personas/persona", "threads/thread", "chat/chatmessage"),
        "schema/migrationrun",
    )
}
CUT_OFF = "element => element.scrollWidth - element.clientWidth"


def test_admin_pages_fit_their_columns_and_a_phone(page: Page) -> None:
    call_command("demo", users=3, messages=60, password=PASSWORD, stdout=StringIO())
    message = ChatMessage.objects.latest("created_at")
    MigrationRun.objects.create(
        app="auth",
        name="0007_alter_validators_add_error_messages",
        direction="forwards",
        outcome="interrupted",
        operator="somebody as postgres",
        host="here",
        checksum="x",
    )
    pages = LISTS | {
        "index": reverse("admin:index"),
        "migrations": reverse("admin_migrations"),
        "user": reverse("admin:users_user_change", args=[message.user_id]),
        "thread": reverse("admin:threads_thread_change", args=[message.thread_id]),
        "message": reverse("admin:chat_chatmessage_change", args=[message.pk]),
    }
    page.goto("/admin/")
    page.get_by_label("E-mail").fill("admin@demo.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    cut_off = {}
    for name, address in LISTS.items():
        page.goto(address)
        assert page.locator("#result_list tbody tr").count() > 0
        cut_off[name] = page.eval_on_selector(".results", CUT_OFF)
    assert cut_off == dict.fromkeys(LISTS, 0)
    page.set_viewport_size({"width": 390, "height": 800})
    too_wide = {}
    for name, address in pages.items():
        page.goto(address)
        too_wide[name] = page.eval_on_selector("html", CUT_OFF)
    assert too_wide == dict.fromkeys(pages, 0)


def test_admin_form_focuses_its_first_field(page: Page) -> None:
    call_command("demo", users=1, messages=2, password=PASSWORD, stdout=StringIO())
    page.goto("/admin/users/user/add/")
    page.get_by_label("E-mail").fill("admin@demo.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/add/")
    page.keyboard.type("bob@example.com")
    assert page.get_by_label("E-mail").input_value() == "bob@example.com"
