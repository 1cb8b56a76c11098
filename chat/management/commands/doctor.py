"""Check everything that the site needs, and name the remedy for what is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from chat.failures import Failure
from chat.generation import model_catalog, provider
from chat.generation.errors import ProviderError
from config.doctor import Finding, Level, examine
from schema.report import ExitCode, Report, SafeOutputCommand

WIDTH = 13  # of the column with the names of the checks
REMEDIES = {
    Failure.UNREACHABLE: "Start the server, or correct OPENAI_BASE_URL.",
    Failure.REFUSED: "Set a valid OPENAI_API_KEY.",
    Failure.UNPAID: "Top up the account at the model's server.",
    Failure.RATE_LIMITED: "Wait, or raise the limit at the model's server.",
}


def check_provider() -> Iterator[Finding]:
    """Ask the model server for its models."""
    if not provider.is_configured():
        yield Finding(
            "provider",
            Level.WARNING,
            "No model server is set: people can write, but get no replies.",
            "Set OPENAI_BASE_URL, and OPENAI_API_KEY if it needs one; see"
            " docs/connecting-a-model.md.",
        )
        return
    place = settings.OPENAI_BASE_URL or "OpenAI"
    try:
        models = [model.name for model in model_catalog.fetch()]
    except ProviderError as error:
        text = f"{place}: {error.failure.label} ({error.detail})"
        remedy = REMEDIES.get(error.failure, "Check OPENAI_BASE_URL; most addresses end in /v1.")
        yield Finding("provider", Level.FAILED, text, remedy)
        return
    if settings.OPENAI_MODEL and models and settings.OPENAI_MODEL not in models:
        text = f"{place} does not list the model {settings.OPENAI_MODEL}."
        remedy = f"Set OPENAI_MODEL to one of {', '.join(models[:5])} …, or load it there."
        yield Finding("provider", Level.WARNING, text, remedy)
    elif not settings.OPENAI_MODEL and not models:
        text = f"{place} lists no model, and OPENAI_MODEL is not set."
        yield Finding("provider", Level.FAILED, text, "Set OPENAI_MODEL, or load a model there.")
    else:
        yield Finding("provider", Level.OK, f"{place} lists {len(models)} models")


class Command(SafeOutputCommand):
    """Report findings; exit with 1 if something prevents the site from working."""

    help = "Checks settings, database, model server, mail, disk, clock and files."
    requires_system_checks = []  # they are among the checks

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments."""
        parser.add_argument("--json", action="store_true", help="Print one JSON object a line.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the checks."""
        report = Report(self.stdout, as_json=options["json"])
        styles = {
            Level.OK: self.style.SUCCESS,
            Level.WARNING: self.style.WARNING,
            Level.FAILED: self.style.ERROR,
        }
        failed = 0
        for finding in examine([check_provider]):
            failed += finding.level is Level.FAILED
            text = f"{finding.check:<{WIDTH}} {styles[finding.level](f'{finding.level:<8}')}"
            text += f" {finding.text}"
            if finding.remedy:
                text += f"{os.linesep}{'':<{WIDTH}} {'':<8} {finding.remedy}"
            report.write(
                "finding",
                text,
                check=finding.check,
                level=finding.level.lower(),
                message=finding.text,
                remedy=finding.remedy,
            )
        if failed:
            raise SystemExit(ExitCode.FAILED)
