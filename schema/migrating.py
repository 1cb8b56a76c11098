"""One run of `migrate`, from the plan to the summary."""

from typing import Any

from django.apps import apps
from django.core.management.commands import migrate
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.state import ModelState, ProjectState

from schema.executor import FIRST, Plan, RecordingExecutor
from schema.history import History
from schema.reporting import Report
from schema.running import Runner
from schema.summary import applied_in_order, say_summary
from schema.targets import Target, find_targets


class Migrating:
    """Plans, runs and sums up; the caller holds the lock."""

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

    def run(self) -> None:
        """Bring the database to what the options name, and say so."""
        self.connection.prepare_database()
        executor = RecordingExecutor(self.connection, Runner(self.history, self.report))
        executor.loader.check_consistent_history(self.connection)
        first_run = not applied_in_order(executor.recorder)
        targets, plan = self._plan(executor)
        self.report.say(
            "plan",
            f"Running {len(plan)} migration{'s' if len(plan) != 1 else ''}:" if plan else "",
            migrations=[str(migration) for migration, _ in plan],
            direction="backwards" if plan and plan[0][1] else "forwards",
        )
        self._migrate(executor, targets, plan)
        if not plan:
            self._say_nothing_to_do(executor)
        say_summary(self.report, executor.recorder)
        if first_run and plan and not plan[0][1]:
            self._say_next_steps()

    def _plan(self, executor: RecordingExecutor) -> tuple[list[Target], Plan]:
        label = self.options["app_label"]
        if label and self.options["run_syncdb"] and label not in executor.loader.migrated_apps:
            return [], []
        targets = find_targets(executor.loader, label, self.options["migration_name"])
        plan = executor.migration_plan(targets)
        if plan and not plan[0][1] and FIRST not in executor.loader.applied_migrations:
            targets.insert(0, FIRST)
            plan = executor.migration_plan(targets)
        return targets, plan

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
            after = executor.migrate(
                targets,
                plan=plan,
                state=before.clone(),
                fake=self.options["fake"],
                fake_initial=self.options["fake_initial"],
            )
        else:
            executor.check_replacements()
        _render_again(after)
        emit_post_migrate_signal(
            verbosity,
            interactive,
            self.connection.alias,
            stdout=self.command.stdout,
            apps=after.apps,
            plan=plan,
        )

    def _say_nothing_to_do(self, executor: RecordingExecutor) -> None:
        self.report.say("nothing_to_do", "Nothing to do: every migration is applied already.")
        if self.options["verbosity"] == 0:
            return
        now = ProjectState.from_apps(apps)
        changes = self.command.autodetector(executor.loader.project_state(), now).changes(
            graph=executor.loader.graph
        )
        if changes:
            self.report.say(
                "models_changed",
                f"The models of {', '.join(sorted(changes))} have changes that no migration"
                " makes: run `python manage.py makemigrations`.",
                style=self.command.style.NOTICE,
                apps=sorted(changes),
            )

    def _say_next_steps(self) -> None:
        self.report.say(
            "next_steps",
            "\nWhat to do next:\n"
            "  python manage.py createsuperuser   make an administrator\n"
            "  python manage.py runserver         start the site here, or restart it where it is"
            " served",
        )


def _render_again(state: ProjectState) -> None:
    """Render the apps without migrations once more: their relations are known only now."""
    state.clear_delayed_apps_cache()
    with state.apps.bulk_update():
        keys = [(model.app_label, model.name_lower) for model in state.apps.real_models]
        for key in keys:
            state.apps.unregister_model(*key)
    state.apps.render_multiple([ModelState.from_model(apps.get_model(*key)) for key in keys])
