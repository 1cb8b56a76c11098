"""Records of the operator's commands."""

from django.db import models
from django.db.models.functions import Now

MigrationKey = tuple[str, str]
"""A migration's app label and name."""
KEPT_PREFIX = "kept_by_migrate_"
"""What the names of objects begin with that a rollback set aside; no comparison reads them."""


class MigrationRun(models.Model):
    """One attempt to take one migration forwards or backwards.

    The row is committed as RUNNING before the first statement; a row still RUNNING while
    nobody holds the migration lock was left by a process that died.
    """

    class Direction(models.TextChoices):
        """Which way the migration was taken."""

        FORWARDS = "forwards", "Forwards"
        BACKWARDS = "backwards", "Backwards"

    class Outcome(models.TextChoices):
        """How the attempt ended."""

        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        INTERRUPTED = "interrupted", "Interrupted"
        ADOPTED = "adopted", "Adopted"
        FOUND = "found", "Taken as found"

    app = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    direction = models.CharField(max_length=9, choices=Direction)
    outcome = models.CharField(max_length=11, choices=Outcome, default=Outcome.RUNNING)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(db_default="")
    operator = models.TextField(help_text="Operating system user and database role.")
    host = models.TextField()
    checksum = models.CharField(
        max_length=64, help_text="SHA-256 of the migration's syntax tree, without comments."
    )
    changes = models.JSONField(
        null=True,
        help_text="What the run made and removed, as read from the catalog right after it.",
    )

    class Meta:
        db_table = "schema_migration_runs"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.app}.{self.name} {self.direction}: {self.outcome}"


class BatchProgress(models.Model):
    """How far a batched data step has come, so that an interrupted run resumes there."""

    app = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    step = models.CharField(max_length=255)
    position = models.JSONField(null=True, help_text="The last key that was done.")
    rows_done = models.BigIntegerField(db_default=0)
    started_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "schema_batch_progress"
        verbose_name_plural = "batch progress"
        constraints = [
            models.UniqueConstraint(
                fields=["app", "name", "step"], name="schema_batch_progress_step_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.app}.{self.name} {self.step}: {self.rows_done} rows"


class MigrationPause(models.Model):
    """An operator's wish that the data step in progress pauses."""

    operator = models.TextField()
    requested_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "schema_pause"

    def __str__(self) -> str:
        return f"{self.operator} since {self.requested_at}"


class QuarantinedRow(models.Model):
    """A row that a constraint refused, kept complete."""

    table_name = models.TextField()
    row = models.JSONField(help_text="Every column, as the database wrote it to JSON.")
    reason = models.TextField()
    quarantined_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "schema_quarantine"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.table_name}: {self.reason}"


class KeptObject(models.Model):
    """A table or a column that a rollback set aside in place of dropping it.

    It stands under the name `kept_as` until its migration is applied again or
    `migrate --forget` drops it.
    """

    app = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    table_name = models.TextField()
    column_name = models.TextField(db_default="", help_text="Empty for a table.")
    rows = models.BigIntegerField(null=True, help_text="Rows with data, counted before.")
    kept_at = models.DateTimeField(db_default=Now())
    details = models.JSONField(default=dict, help_text="What is needed to put it back.")
    returning = models.BooleanField(
        db_default=False, help_text="It has its own name again, and its constraints follow."
    )

    class Meta:
        db_table = "schema_kept"
        ordering = ["id"]

    def __str__(self) -> str:
        if self.column_name:
            return f"column {self.table_name}.{self.column_name}"
        return f"table {self.table_name}"

    @property
    def kept_as(self) -> str:
        """Return the name it has meanwhile, in its table if it is a column."""
        return f"{KEPT_PREFIX}{self.pk}"
