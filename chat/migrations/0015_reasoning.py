"""What a model thought before it answered, apart from its reply.

One column has a constant default and the other is null, so no row is rewritten.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0014_search_folding_speed")]

    operations = [
        migrations.AddField(
            model_name="reply",
            name="reasoning",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="What the model thought before it answered.",
            ),
        ),
        migrations.AddField(
            model_name="reply",
            name="reasoning_ms",
            field=models.IntegerField(
                blank=True,
                help_text="How long it thought, in milliseconds; null if it did not.",
                null=True,
            ),
        ),
    ]
