"""The branches of a conversation: hidden threads that know what they branch off from.

Both columns are null, so no row is rewritten. On the way back, a branch becomes a thread of its own
that its user sees, so that no message is lost.
"""

import django.db.models.deletion
from django.db import migrations, models

import schema.operations

SHOWN = """
    UPDATE threads SET deleted_at = NULL
    WHERE branch_of_id IN (SELECT id FROM threads WHERE deleted_at IS NULL)
"""


class Migration(migrations.Migration):
    dependencies = [("threads", "0004_organising_indexes")]

    operations = [
        schema.operations.AddFieldUnchecked(
            model_name="thread",
            name="branch_of",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="branches",
                to="threads.thread",
            ),
        ),
        migrations.AddField(
            model_name="thread",
            name="branch_after",
            field=models.UUIDField(blank=True, editable=False, null=True),
        ),
        schema.operations.SQLByVendor(
            forward={"postgresql": [], "sqlite": []},
            backward={"postgresql": [SHOWN], "sqlite": [SHOWN]},
        ),
    ]
