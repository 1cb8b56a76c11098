"""Requests of programs that are under way while a worker is replaced."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from pytest_django import DjangoDbBlocker

from api.keys import create_key
from chat.models import ChatMessage
from tests.chat.provider_server import ProviderServer
from tests.conftest import serve
from tests.factories import make_user
from tests.waiting import wait_for

pytestmark = pytest.mark.engines("postgresql")

PEOPLE, REQUESTS = 5, 20
ANSWER = "word1 word2 word3 word4 "


def test_no_request_is_lost(
    transactional_db: None,
    site_environment: dict[str, str],
    provider: ProviderServer,
    tmp_path: Path,
    django_db_blocker: DjangoDbBlocker,
) -> None:
    tokens = [
        create_key(user=make_user(f"person{number}"), name="program", scope="chat")[1]
        for number in range(PEOPLE)
    ]

    def ask(number: int) -> Any:
        with OpenAI(
            base_url=f"{site.url}/v1", api_key=tokens[number % PEOPLE], max_retries=0
        ) as client:
            messages: list[Any] = [{"role": "user", "content": f"hold=2 number {number}"}]
            create: Any = client.chat.completions.create
            if number % 2:
                return create(model="assistant", messages=messages).choices[0].message.content
            chunks = create(model="assistant", messages=messages, stream=True)
            return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    with (
        serve(tmp_path, site_environment, django_db_blocker) as site,
        ThreadPoolExecutor(REQUESTS) as pool,
    ):
        (former,) = site.worker_pids()
        answers = [pool.submit(ask, number) for number in range(REQUESTS)]
        wait_for(lambda: provider.streaming == REQUESTS)
        assert site.process
        site.process.send_signal(signal.SIGHUP)
        wait_for(lambda: set(site.worker_pids()) - {former})
        provider.release()
        assert [answer.result() for answer in answers] == [ANSWER] * REQUESTS
        wait_for(lambda: former not in site.worker_pids())
        answers = [pool.submit(ask, number) for number in range(REQUESTS, REQUESTS + 2)]
        assert [answer.result() for answer in answers] == [ANSWER] * 2
    kept = ChatMessage.objects.filter(role="assistant").values_list("content", flat=True)
    assert list(kept) == [ANSWER] * (REQUESTS + 2)
