"""What `migrate` says before and after an adoption."""

from __future__ import annotations

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from schema.adoption import messages
from schema.adoption.assess import Survey
from schema.adoption.detect import adoption_of
from schema.adoption.plan import Adoption
from schema.introspection.catalog import CatalogError
from schema.report import Report


def tell(connection: BaseDatabaseWrapper, report: Report) -> None:
    """Say what an adoption would find and do, if the database is in need of one."""
    adoption = adoption_of(connection, MigrationLoader(connection))
    if adoption is not None:
        survey = _looked(adoption)
        _say(survey, report)
        if survey.obstacles:
            report.write("obstacles", messages.refusal(survey.obstacles))


def prepare(adoption: Adoption, report: Report) -> None:
    """Say what is there and what will be done, before anything is changed.

    Raises:
        CommandError: something stands in the way; nothing was changed.
    """
    survey = _looked(adoption)
    _say(survey, report)
    if survey.obstacles:
        raise CommandError(messages.refusal(survey.obstacles))


def conclude(adoption: Adoption, report: Report) -> None:
    """Say what was done to rows, by kind."""
    counts = adoption.followed.counts
    report.write("adopted", "\n".join(messages.summary(counts)), repairs=dict(counts))


def _looked(adoption: Adoption) -> Survey:
    if obstacles := adoption.rights():
        raise CommandError(messages.refusal(obstacles))
    try:
        return adoption.survey()
    except CatalogError as error:
        raise CommandError(f"{error}\nNothing was changed.") from error


def _say(survey: Survey, report: Report) -> None:
    report.write("adoption", "\n".join(messages.found(survey)), **messages.facts(survey))
