"""Programs that people use with OpenAI's protocol, unchanged: `llm` and PydanticAI."""

import asyncio
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest
from openai import AsyncOpenAI
from pydantic_ai import Agent, AgentRunResult
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from api.keys import create_key
from chat.models import ChatMessage
from tests.chat.provider_server import ProviderServer
from tests.factories import make_persona, make_user
from tests.site import Site
from threads.models import Thread

pytestmark = pytest.mark.engines("any")

WORDS = "word1 word2 word3 word4 "
MODELS = """
- model_id: captain
  model_name: captain
  api_base: {site.url}/v1
  api_key_name: twinthread
"""


def kept() -> list[tuple[int, str, str]]:
    """Return the messages: the number of their thread, the role and the text."""
    threads = list(Thread.objects.order_by("created_at").values_list("pk", flat=True))
    rows = ChatMessage.objects.order_by("created_at").values_list("thread", "role", "content")
    return [(threads.index(thread), role, text) for thread, role, text in rows]


def test_llm_talks_to_a_twin(site: Site, provider: ProviderServer, tmp_path: Path) -> None:
    alice = make_user()
    make_persona(alice, "Captain", metadata={"instructions": "Speak of whales."})
    _, token = create_key(user=alice, name="llm", scope="chat")
    (tmp_path / "extra-openai-models.yaml").write_text(MODELS.format(site=site))

    def llm(*arguments: str) -> str:
        program = Path(sysconfig.get_path("scripts")) / "llm"
        done = subprocess.run(
            [program, *arguments, "-m", "captain", "--key", token],
            env=os.environ | {"LLM_USER_PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout

    assert llm("Hello") == WORDS + "\n"
    assert llm("And then?", "--continue") == WORDS + "\n"
    assert llm("Hello again", "--no-stream", "-s", "Be brief.") == WORDS + "\n"
    assert kept() == [
        (0, "user", "Hello"),
        (0, "twin", WORDS),
        (0, "user", "And then?"),
        (0, "twin", WORDS),
        (1, "user", "Hello again"),
        (1, "twin", WORDS),
    ]
    system = provider.requests[-1]["messages"][0]["content"]
    assert ("Speak of whales." in system, "Be brief." in system) == (True, True)


def test_pydantic_ai_continues_a_conversation(site: Site) -> None:
    _, token = create_key(user=make_user(), name="program", scope="chat")

    async def talk() -> list[AgentRunResult[str]]:
        async with AsyncOpenAI(base_url=f"{site.url}/v1", api_key=token) as client:
            model = OpenAIChatModel("assistant", provider=OpenAIProvider(openai_client=client))
            program = Agent(model)
            first = await program.run("Hello")
            return [first, await program.run("And then?", message_history=first.all_messages())]

    first, second = asyncio.run(talk())
    assert (first.output, second.output) == (WORDS, WORDS)
    assert (first.usage.input_tokens, first.usage.output_tokens) == (11, 4)
    assert [(number, role) for number, role, _ in kept()] == [
        (0, "user"),
        (0, "assistant"),
        (0, "user"),
        (0, "assistant"),
    ]
