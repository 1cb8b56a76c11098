"""The OpenAPI document, held against the served site by requests made from it.

The number of examples is bounded, and they are the same in each run.
"""

from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.keys import create_key
from api.v2.routes import document
from tests.factories import make_message, make_persona, make_thread, make_user
from tests.site import Site

pytestmark = pytest.mark.engines("sqlite", "postgresql")

EXAMPLES = 6
STATEFUL_EXAMPLES, STATEFUL_STEPS = 10, 8
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
        # A document cannot say which bytes are a file that the import reads.
        excluded = [positive_data_acceptance] if path.endswith("/import") else []
        headers = {"Authorization": f"Bearer {token}"}
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    check()


@pytest.mark.engines("any")
def test_rows_that_were_made_can_be_used(site: Site) -> None:
    """Make rows and use their ids in the requests that follow, in orders that hypothesis draws."""
    _, token = create_key(user=make_user(), name="schemathesis", scope="everything")
    schema = schemathesis.openapi.from_url(f"{site.url}/api/openapi.json")
    succeeded = set()

    class Machine(schema.as_state_machine()):  # type: ignore[misc]  # made at run time
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": {"Authorization": f"Bearer {token}"}}

        def after_call(self, response: Any, case: Any) -> None:
            if response.status_code < HTTPStatus.BAD_REQUEST:
                succeeded.add(case.operation.path.partition("{")[::2])

    Machine.run(
        settings=settings(
            max_examples=STATEFUL_EXAMPLES,
            stateful_step_count=STATEFUL_STEPS,
            derandomize=True,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
    )
    # Ids of rows that an earlier request of the same run made.
    assert {("/api/v2/threads/", "thread_id}"), ("/api/v2/personas/", "persona_id}")} <= succeeded
