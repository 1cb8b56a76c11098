"""A release, and the way back, while people use the site: no request is lost.

The older version is the code of an earlier commit, with its older schema. Both versions listen
on one socket, as under systemd, see docs/operating.md.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest

from tests.chat.provider_server import ProviderServer
from tests.conftest import Database
from tests.site import Site, Visitor
from tests.waiting import PATIENCE, wait_for

ROOT = Path(__file__).parent.parent.parent
# The release before this one: chat.0014, personas.0003 and users.0002 are its last migrations.
EARLIER = "cb58341"
PASSWORD = "correct horse battery"
PEOPLE = ["alice", "bob"]

pytestmark = pytest.mark.engines("postgresql")


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """Unpack the earlier version."""
    folder = tmp_path / "earlier"
    folder.mkdir()
    archive = subprocess.run(["git", "archive", EARLIER], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    return folder


@pytest.fixture
def plain_static(tmp_path: Path) -> dict[str, str]:
    """Serve pages of either version without collecting their static files, which takes long."""
    (tmp_path / "plain_static.py").write_text(
        "from config.settings import *\n"
        "STORAGES['staticfiles'] = {\n"
        "    'BACKEND': 'django.contrib.staticfiles.storage.StaticFilesStorage'}\n"
    )
    return {"DJANGO_SETTINGS_MODULE": "plain_static", "PYTHONPATH": str(tmp_path)}


def manage(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sign_up(site: Site, name: str) -> Visitor:
    """Create an account, as a person does, and return who is logged in to it."""
    line = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | Visitor(site, "").headers
    form = {"email": f"{name}@example.com", "password": PASSWORD, "name": name}
    try:
        line.request("POST", "/account/sign-up/", urlencode(form), headers)
        response = line.getresponse()
        assert response.status == 302, response.read().decode()
        session = re.search(r"sessionid=(\w+)", str(response.headers.get_all("Set-Cookie")))
    finally:
        line.close()
    assert session
    return Visitor(site, session[1])


@dataclass
class Person:
    """Somebody who writes, waits for the reply and writes again, until the release is over."""

    visitor: Visitor
    thread: str
    sent: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    longest: float = 0.0

    def use_the_site(self, is_over: threading.Event) -> None:
        while not is_over.is_set():
            begin = time.monotonic()
            try:
                self.write()
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.failures.append(repr(error))
                return
            self.longest = max(self.longest, time.monotonic() - begin)

    def write(self) -> None:
        text = f"message {len(self.sent)} words=2"
        status, page = self.visitor.post(f"/threads/{self.thread}/messages/", text=text)
        assert status == 200, page
        self.sent.append(text)
        found = re.search(r'data-reply="([\w-]+)"', page)
        assert found, page
        self.wait_for(found[1])
        status, page = self.visitor.get(f"/threads/{self.thread}/")
        assert status == 200, page

    def wait_for(self, reply: str) -> None:
        """Follow the reply to its end; a stream that is cut goes on elsewhere."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(http.client.HTTPException, ConnectionError):
                if any(event.name == "end" for event in self.visitor.follow(reply)):
                    return
        raise AssertionError("the reply does not end")


@pytest.fixture
def people(old_site: Site) -> list[Person]:
    found = []
    for name in [*PEOPLE, "holder"]:
        visitor = sign_up(old_site, name)
        _, page = visitor.get("/threads/")
        thread = re.search(r"/threads/([0-9a-f-]{36})/", page)
        assert thread
        found.append(Person(visitor, thread[1]))
    return found


@pytest.fixture
def old_site(
    earlier: Path,
    empty_database: Database,
    plain_static: dict[str, str],
    provider: ProviderServer,
    tmp_path: Path,
) -> Iterator[Site]:
    manage(earlier, {"DATABASE_URL": empty_database.url}, "migrate", "-v0")
    site = Site(tmp_path / "old.log", provider.environment | plain_static, folder=earlier)
    site.start(empty_database.url)
    yield site
    site.stop()


def test_release_and_the_way_back_lose_no_request(
    old_site: Site,
    people: list[Person],
    empty_database: Database,
    plain_static: dict[str, str],
    provider: ProviderServer,
    tmp_path: Path,
) -> None:
    new_site = Site(tmp_path / "new.log", provider.environment | plain_static, beside=old_site)
    *writers, holder = people
    is_over = threading.Event()
    threads = [threading.Thread(target=one.use_the_site, args=[is_over]) for one in writers]

    def moves_on() -> None:
        """Wait until everybody has written twice more."""
        goal = [len(one.sent) + 2 for one in writers]
        wait_for(
            lambda: all(
                len(one.sent) >= count or one.failures
                for one, count in zip(writers, goal, strict=True)
            )
        )
        assert [one.failures for one in writers] == [[]] * len(writers)

    # A stream is open in the old version, and its model has not ended.
    status, page = holder.visitor.post(f"/threads/{holder.thread}/messages/", text="words=9 hold=4")
    held = re.search(r'data-reply="([\w-]+)"', page)
    assert held, (status, page)
    words: list[str] = []

    def read() -> None:
        with suppress(http.client.HTTPException, ConnectionError):
            words.extend(str(event.data) for event in holder.visitor.follow(held[1]))

    reader = threading.Thread(target=read)
    for thread in [*threads, reader]:
        thread.start()
    try:
        wait_for(lambda: "word4" in "".join(words))
        moves_on()
        manage(ROOT, {"DATABASE_URL": empty_database.url}, "migrate", "-v0")
        moves_on()  # the old version serves on the new schema
        new_site.start(empty_database.url)
        moves_on()  # both serve
        old_site.end()
        reader.join(PATIENCE)
        assert not reader.is_alive()
        moves_on()  # the new version serves
        old_site.start(empty_database.url)  # and back: the schema stays
        new_site.end()
        moves_on()
    finally:
        is_over.set()
        provider.release(gate="")
        for thread in threads:
            thread.join(PATIENCE)
        new_site.end()
    assert [one.failures for one in writers] == [[]] * len(writers)
    with psycopg.connect(empty_database.url) as connection:
        for one in writers:
            saved = connection.execute(
                "SELECT content FROM chat_messages WHERE thread_id = %s AND role = 'user'"
                " ORDER BY created_at",
                [one.thread],
            ).fetchall()
            assert [text for (text,) in saved] == one.sent
        ends = connection.execute("SELECT status, count(*) FROM chat_replies GROUP BY 1").fetchall()
        kept = connection.execute(
            "SELECT content FROM chat_messages WHERE thread_id = %s AND role <> 'user'",
            [holder.thread],
        ).fetchone()
    # Every reply has ended. On a machine that is busy beyond measure, the model's server may fail.
    assert {status for status, _ in ends} <= {"complete", "interrupted", "failed"}
    assert kept is not None
    assert kept[0].startswith("word1 word2 word3 word4 ")
    sys.stdout.write(
        f"{sum(len(one.sent) for one in writers)} messages, none lost; the longest from a message"
        f" to its reply: {max(one.longest for one in writers):.1f} s; replies: {dict(ends)}\n"
    )
