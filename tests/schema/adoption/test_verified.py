"""`verify` on adopted databases: no false alarm, and drift is still found."""

import pytest
from django.core.management import call_command

from schema.drift.verify import verify
from tests.schema.adoption.conftest import Make, run
from tests.schema.adoption.states import STATES

pytestmark = pytest.mark.engines("postgresql")

TAKEN_OVER = [
    "base only, no rows",
    "stuck after v2, with dirt",
    "helped to v4, with dirt",
    "early messages, helped to v4",
]


@pytest.mark.parametrize("state", TAKEN_OVER)
def test_taken_over_database_has_no_differences(make: Make, state: str) -> None:
    database = make(STATES[state])
    call_command("migrate", database=database.alias, verbosity=0)
    result = verify(database.connection, data=True)
    assert result.all_differences == []
    assert result.unapplied + result.edited + result.unknown + result.unfinished == []
    run(database, ["ALTER TABLE personas DISABLE TRIGGER personas_one_active_insert"])
    assert [one.object for one in verify(database.connection).differences] == [
        "trigger personas.personas_one_active_insert"
    ]
