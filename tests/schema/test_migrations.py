"""The migrations, there and back again."""

import pytest
from django.core.management import call_command

from tests.conftest import Database

pytestmark = pytest.mark.every_server


def test_migrations_go_forward_back_and_forward(empty_database: Database) -> None:
    for app, target in [("chat", "0004"), ("users", "zero"), ("chat", "0004")]:
        call_command("migrate", app, target, database=empty_database.alias, verbosity=0)
