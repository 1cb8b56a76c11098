"""One run of `migrate`, from the plan to the summary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.state import ProjectState

from schema.batches.pauses import pause_policy
from schema.connection.retry import RetryPolicy, milliseconds, retry_policy
from schema.connection.session import session_settings
from schema.drift.migration_state import MigrationState
from schema.execution.executor import Plan, RecordingExecutor
from schema.execution.retry import Runner
from schema.history.runs import History, edited
from schema.migrator import recovery
from schema.migrator.kept.keeper import Keeper
from schema.migrator.pausing import clear_pauses, policy_of
from schema.migrator.plan import Target, find_targets, render_again, write_planned
from schema.migrator.statistics import analyze_new_tables
from schema.migrator.summary import applied_in_order, write_next_steps, write_summary
from schema.models import MigrationRun
from schema.report import ExitCode, Report

if TYPE_CHECKING:
    from schema.adoption.plan import Adoption


class Migrator:
    """Plan, run and summarize; the caller holds the lock. Rare paths import what they need."""

    def __init__(
        self,
        command: migrate.Command,
        connection: BaseDatabaseWrapper,
        holder: BaseDatabaseWrapper | None,
        report: Report,
        options: dict[str, Any],
    ) -> None:
        """Prepare a run.

        `holder` is the connection that holds the lock, where there is one; the history is
        written over it, unless an open transaction hides the tables from it.
        """
        self.command = command
        self.connection = connection
        self.report = report
        self.options = options
        own = holder if holder and not connection.in_atomic_block else connection
        self.history = History(own)
        self.adoption: Adoption | None = None
        self._unfinished: list[tuple[Migration, str]] = []

    def run(self) -> None:
        """Bring the database to what the options name, and report it.

        Statements outside a migration are not retried: each may wait as long as patience lasts.
        """
        policy = RetryPolicy(self.options["table_lock_timeout"] / 1000, self.options["patience"])
        token = retry_policy.set(policy)
        pauses = pause_policy.set(policy_of(self.options, self.report))
        limit = {"lock_timeout": milliseconds(policy.patience)}
        try:
            with session_settings(self.connection, limit):
                self._run(policy)
        finally:
            retry_policy.reset(token)
            pause_policy.reset(pauses)

    def _run(self, policy: RetryPolicy) -> None:
        self.connection.prepare_database()
        runner = Runner(self.connection, self.history, self.report, policy)
        executor = self._executor(runner)
        clear_pauses(self.connection)
        try:
            executor.loader.check_consistent_history(self.connection)
        except InconsistentMigrationHistory as error:
            raise CommandError(str(error)) from error
        first_run = not applied_in_order(executor.recorder)
        self._look_back(executor)
        keeper = Keeper(self.connection, self.report)
        keeper.resume()
        targets, plan = self._plan(executor)
        backwards = bool(plan and plan[0][1])
        if plan and not self.options["fake"]:
            asked = self._check(executor, plan)
            if asked is not None or not backwards:
                executor.keeper = runner.keeper = asked or keeper
        if plan and self.options["backup"]:
            from schema.migrator.backup import back_up

            back_up(self.connection, Path(self.options["backup"]), self.report)
        write_planned(self.report, plan, faked=self.options["fake"])
        self._migrate(executor, targets, plan)
        if not plan:
            self._write_nothing_to_do(executor)
        if self.adoption is not None:
            from schema.adoption.messages import report_result

            report_result(self.adoption, self.report)
        write_summary(self.report, executor)
        if first_run and plan and not backwards:
            write_next_steps(self.report)

    def _executor(self, runner: Runner) -> RecordingExecutor:
        """Return the executor for this database: one that was made by hand is adopted."""
        executor = RecordingExecutor(self.connection, runner, self._report_state)
        if executor.loader.applied_migrations.keys() >= executor.loader.graph.nodes.keys():
            return executor  # and spare the run with nothing to do what an adoption needs
        from schema.adoption.detect import find_adoption
        from schema.adoption.execute import AdoptingExecutor
        from schema.adoption.messages import require_no_problems

        if not self.options["fake"]:
            loader, options = executor.loader, self.options
            self.adoption = find_adoption(self.connection, loader, options, self.report.status)
        if self.adoption is None:
            return executor
        require_no_problems(self.adoption, self.report)
        return AdoptingExecutor(self.connection, runner, self._report_state, self.adoption)

    def _look_back(self, executor: RecordingExecutor) -> None:
        """Check how earlier runs ended, and whether their files have changed since."""
        past = self.history.past()
        applied = executor.loader.applied_migrations
        for run in recovery.recover_runs(self.history, past, applied):
            name = f"{run.app}.{run.name}"
            self.report.write(
                "interrupted",
                f"An earlier run of {name} ({run.direction}) was interrupted: checking its state.",
                style=self.command.style.WARNING,
                migration=name,
                direction=run.direction,
            )
        self._unfinished = recovery.unfinished(executor, past)
        nodes = executor.loader.graph.nodes
        changed = edited(past, [nodes[key] for key in applied if key in nodes])
        for migration in changed:
            text = f"The file of {migration} was edited after it was applied."
            style = self.command.style.WARNING
            self.report.write("edited", text, style=style, migration=str(migration))
        if changed and self.options["strict"]:
            raise CommandError(
                "Applied migrations were edited, and --strict was asked for.\nNothing was changed."
                " Restore the files, and put the change into a new migration.",
                returncode=ExitCode.EDITED,
            )

    def _check(self, executor: RecordingExecutor, plan: Plan) -> Keeper | None:
        """Stop before the first change if there is a problem, or if data would be lost.

        Returns what sets the data aside, if it was asked for.
        """
        from schema.migrator.owners_objects import agree_to_drops
        from schema.migrator.preflight import require_no_problems
        from schema.migrator.rollback import agree_to_losses

        own_names = self.adoption is not None or self.options["fake_initial"]
        require_no_problems(executor, plan, self.report, own_names=own_names)
        if not plan[0][1]:
            return None
        if not self.options["keep"]:  # views and foreign keys go along with what is set aside
            agree_to_drops(executor, plan, self.report, self.options)
        return agree_to_losses(executor, plan, self.report, self.options)

    def _report_state(
        self,
        migration: Migration,
        direction: MigrationRun.Direction,
        migration_state: MigrationState,
    ) -> None:
        text = {
            MigrationState.APPLIED: "exists already, but was not recorded: recording it",
            MigrationState.ABSENT: "no longer exists, but is recorded: removing the record",
            MigrationState.PARTIAL: "exists in part: completing it",
        }[migration_state]
        self.report.write(
            "found",
            f"  {migration} {text}.",
            migration=str(migration),
            direction=str(direction),
            state=migration_state.value,
        )

    def _plan(self, executor: RecordingExecutor) -> tuple[list[Target], Plan]:
        label = self.options["app_label"]
        if label and self.options["run_syncdb"] and label not in executor.loader.migrated_apps:
            return [], []
        targets = find_targets(executor.loader, label, self.options["migration_name"])
        plan = self._plan_for(executor, targets)
        again = [
            recovery.resume(executor, migration, direction, plan)
            for migration, direction in self._unfinished
        ]
        if not (plan and plan[0][1]) and not self.options["fake"]:
            again.append(self._correct_records(executor))
        return targets, self._plan_for(executor, targets) if any(again) else plan

    def _plan_for(self, executor: RecordingExecutor, targets: list[Target]) -> Plan:
        """Plan; forwards, the history's own migrations come along."""
        plan = executor.migration_plan(targets)
        own = [] if "schema" in dict(targets) else executor.loader.graph.leaf_nodes("schema")
        if plan and not plan[0][1] and {*own} - executor.loader.applied_migrations.keys():
            targets[:0] = own
            plan = executor.migration_plan(targets)
        return plan

    def _correct_records(self, executor: RecordingExecutor) -> bool:
        """Delete the records of migrations that another tool rolled back."""
        missing = recovery.missing_names(self.connection, executor.applied_state().apps)
        if not missing:
            return False
        gone = recovery.unrecorded_rollbacks(executor)
        for migration in gone:
            self._report_state(migration, MigrationRun.Direction.BACKWARDS, MigrationState.ABSENT)
            executor.record_as_unapplied(migration)
            executor.loader.applied_migrations.pop((migration.app_label, migration.name))
        if not gone:
            text = (
                f"Applied migrations made {', '.join(missing)}, and it is missing:"
                " `python manage.py verify` shows how to repair it."
            )
            style = self.command.style.WARNING
            self.report.write("drift", text, style=style, missing=missing)
        return bool(gone)

    def _migrate(self, executor: RecordingExecutor, targets: list[Target], plan: Plan) -> None:
        """Run the plan between Django's two signals, as Django's own command does."""
        verbosity, interactive = self.options["verbosity"], self.options["interactive"]
        if self.options["run_syncdb"]:
            label = self.options["app_label"]
            self.command.sync_apps(
                self.connection, [label] if label else executor.loader.unmigrated_apps
            )
        before = executor.applied_state()
        emit_pre_migrate_signal(
            verbosity,
            interactive,
            self.connection.alias,
            stdout=self.command.stdout,
            apps=before.apps,
            plan=plan,
        )
        after = before
        if plan:
            from schema.drift.baseline import take_as_found

            after = executor.migrate(
                targets,
                plan=plan,
                state=before.clone(),
                fake=self.options["fake"],
                fake_initial=self.options["fake_initial"],
            )
            take_as_found(self.connection, self.history, after.apps)
        else:
            executor.check_replacements()
        render_again(after)
        emit_post_migrate_signal(
            verbosity,
            interactive,
            self.connection.alias,
            stdout=self.command.stdout,
            apps=after.apps,
            plan=plan,
        )

    def _write_nothing_to_do(self, executor: RecordingExecutor) -> None:
        self.report.write("nothing_to_do", "Nothing to do: every migration is applied already.")
        analyze_new_tables(self.connection, self.report)
        if self.options["verbosity"] == 0:
            return
        now = ProjectState.from_apps(apps)
        changes = self.command.autodetector(executor.loader.project_state(), now).changes(
            graph=executor.loader.graph
        )
        if changes:
            self.report.write(
                "models_changed",
                f"The models of {', '.join(sorted(changes))} have changes that no migration"
                " makes: run `python manage.py makemigrations`.",
                style=self.command.style.NOTICE,
                apps=sorted(changes),
            )
