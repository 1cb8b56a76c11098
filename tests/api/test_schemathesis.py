"""The OpenAPI document, held against the served site by requests made from it.

The number of examples is bounded, and they are the same in each run.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from api.keys import create_key
from api.v2.routes import document
from tests.factories import make_message, make_persona, make_thread, make_user
from tests.site import Site

EXAMPLES = 6
OPERATIONS = [(path, verb) for path, verbs in document()["paths"].items() for verb in verbs]


@pytest.mark.parametrize(("path", "verb"), OPERATIONS)
def test_site_does_what_the_document_declares(site: Site, path: str, verb: str) -> None:
    alice = make_user()
    make_persona(alice)
    make_message(make_thread(alice))
    _, token = create_key(user=alice, name="schemathesis", scope="everything")
    schema = schemathesis.openapi.from_url(f"{site.url}/api/openapi.json")
    operation = schema[path][verb]

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"})

    check()
