"""The examples of docs/api.md, run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from api.keys import create_key
from chat.models import ChatMessage
from tests.factories import make_message, make_thread, make_user
from tests.site import Site

TEXT = (Path(__file__).parent.parent.parent / "docs" / "api.md").read_text()
EXAMPLES = re.findall(r"```(python|sh)\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(("language", "code"), EXAMPLES)
def test_example_runs(site: Site, language: str, code: str) -> None:
    alice = make_user()
    make_message(make_thread(alice), "Bring the tent")
    _, token = create_key(user=alice, name="example", scope="everything")
    command = [sys.executable, "-c", code] if language == "python" else ["sh", "-ec", code]
    done = subprocess.run(
        command,
        env=os.environ | {"TWINTHREAD_URL": site.url, "TWINTHREAD_KEY": token},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    expected = ["word1 word2 word3 word4 "] if "Hello" in code else ['"Trip"', "Bring the tent"]
    assert [words for words in expected if words not in done.stdout] == []
    assert ChatMessage.objects.filter(content="Hello").count() == ("Hello" in code)


def test_document_has_examples_of_both_languages() -> None:
    assert [language for language, _ in EXAMPLES] == ["python", "sh", "sh"]
