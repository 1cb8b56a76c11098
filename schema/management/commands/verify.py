"""Compare the database with what its applied migrations should have made."""

import json
import os
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from schema.adoption.other_schemas import require_own_schema
from schema.connection.connect import connect
from schema.connection.errors import first_line, sqlstate
from schema.drift.trial import TriedRepair
from schema.drift.verify import Verification, verify
from schema.introspection.catalog import CatalogError
from schema.report import ExitCode, Report, SafeOutputCommand

WIDTH = 160
"""Characters shown of what was expected and of what was found, about where they part."""

REMEDIES = {
    "25006": "The server is read-only (a standby?): connect to the primary.",
    "42501": "Run it as the owner of the tables, or let the owner grant SELECT on them.",
}


class Command(SafeOutputCommand):
    """Print each difference and the SQL that repairs it."""

    help = (
        "Compares the database with what its applied migrations should have made. Changes "
        "nothing. Exits with 0: no difference, 1: differences, 2: could not check."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the database, the scope and the form of the output."""
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, choices=tuple(connections))
        parser.add_argument("--data", action="store_true", help="Check every row too.")
        form = parser.add_mutually_exclusive_group()
        form.add_argument(
            "--json", action="store_true", dest="as_json", help="Print one JSON object."
        )
        form.add_argument(
            "--sql",
            action="store_true",
            dest="as_sql",
            help="Print nothing but the SQL that repairs the differences, in the right order. It "
            "is tried and undone first; what cannot be run is printed as a comment.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, print, and exit accordingly."""
        if os.environ.get("NO_COLOR") and not options.get("force_color"):
            self.style = no_style()  # https://no-color.org
        connection = connections[options["database"]]
        try:
            connect(connection, Report(self.stdout, quiet=True))
            require_own_schema(connection)
            result = verify(connection, data=options["data"], tries=options["as_sql"])
            if result.unapplied:
                self._write_adoption_note(connection)
        except CommandError as error:
            raise self._not_checked(str(error), options) from error
        except CatalogError as error:
            raise self._not_checked(f"Could not check: {error}", options) from error
        except Error as error:
            remedy = REMEDIES.get(sqlstate(error) or "") or "Correct that, then verify again."
            text = f"Could not check: {first_line(error)}\n{remedy}"
            raise self._not_checked(text, options) from error
        if options["as_json"]:
            self.stdout.write(json.dumps(_facts(result), indent=2))
        elif options["as_sql"]:
            for repair in result.tried:
                self._write_tried(repair)
        else:
            self._write(result, data=options["data"])
        if number := len(result.all_differences):
            raise CommandError(_count(number, "difference"), returncode=ExitCode.DIFFERENT)

    def _not_checked(self, text: str, options: dict[str, Any]) -> CommandError:
        if options["as_json"]:
            self.stdout.write(json.dumps({"status": "not checked", "error": text}, indent=2))
        return CommandError(text, returncode=ExitCode.NOT_CHECKED)

    def _write_adoption_note(self, connection: BaseDatabaseWrapper) -> None:
        # To import it takes a tenth of a second, which most runs are spared.
        from schema.adoption.messages import adoption_note

        if note := adoption_note(connection):
            self.stderr.write(note)

    def _write_tried(self, repair: TriedRepair) -> None:
        """Write the SQL of a repair; as a comment, with the reason, if it cannot be run."""
        script = "\n".join(map(_statement, repair.statements))
        if repair.refused:
            reason = f"{', '.join(repair.objects)}: this SQL cannot be run: {repair.refused}"
            script = "\n".join(f"-- {line}" for line in f"{reason}\n{script}".splitlines())
        elif repair.not_tried:
            reason = f"{', '.join(repair.objects)}: not tried: {repair.not_tried}"
            script = "\n".join(f"-- {line}" for line in reason.splitlines()) + f"\n{script}"
        self.stdout.write(script)

    def _write(self, result: Verification, *, data: bool) -> None:
        printed: set[tuple[str, ...]] = set()
        for difference in result.all_differences:
            expected, found = excerpts(difference.expected, difference.found)
            name = self.style.ERROR(difference.object)
            self.stdout.write(f"{name}: expected {expected}; found {found}")
            repair = tuple(difference.repair)
            if repair in printed:
                self.stdout.write("    (repaired by the same SQL as above)")
                continue
            printed.add(repair)
            for statement in repair:
                for line in _statement(statement).splitlines():
                    self.stdout.write(f"    {line}")
        self._write_notes(result)
        if result.unapplied:
            self.stdout.write(
                f"Not applied yet ({len(result.unapplied)}): {', '.join(result.unapplied)}"
            )
        rows = " and their rows" if data else ""
        self.stdout.write(
            f"Compared {_count(result.tables, 'table')}{rows} with"
            f" {_count(result.applied, 'applied migration')}."
        )
        if not result.all_differences:
            self.stdout.write(self.style.SUCCESS("No differences."))

    def _write_notes(self, result: Verification) -> None:
        notes = {
            "its file was edited after it was applied": result.edited,
            "applied, but it has no file here": result.unknown,
            "applied before its changes were recorded: what it made is taken as found": (
                result.taken_as_found
            ),
            "a migrate is at work on it, or was killed: run `python manage.py migrate`": (
                result.unfinished
            ),
        }
        for note, names in notes.items():
            for name in names:
                self.stdout.write(self.style.WARNING(f"{name}: {note}"))
        if result.newer:
            self.stdout.write(
                "A newer release applied migrations that this one does not have. Verify with the"
                " newer release to compare all of the schema."
            )
        if result.not_built:
            self.stdout.write(f"Compared with the records of the runs alone. {result.not_built}")


def excerpts(one: str, other: str) -> tuple[str, str]:
    """Return both texts, the long ones cut to what is about their first difference."""
    pairs = enumerate(zip(one, other, strict=False))
    same = next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
    start = max(0, same - WIDTH // 4)

    def cut(text: str) -> str:
        if len(text) <= WIDTH:
            return text
        begin = min(start, len(text) - WIDTH) if start else 0
        end = begin + WIDTH
        return ("… " if begin else "") + text[begin:end] + (" …" if end < len(text) else "")

    return cut(one), cut(other)


def _facts(result: Verification) -> dict[str, Any]:
    values = asdict(result)
    del values["tried"]
    return {"status": "different" if result.all_differences else "clean", **values}


def _statement(statement: str) -> str:
    return statement.strip().removesuffix(";") + ";"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
