from django.db import migrations


class Migration(migrations.Migration):
    dependencies = []

    operations = [
        migrations.RunSQL(
            [
                "CREATE TABLE public.named_schema_pond (id integer PRIMARY KEY, depth integer CHECK (depth > 0))",
                "CREATE FUNCTION public.named_schema_depth() RETURNS integer LANGUAGE sql AS 'SELECT max(depth) FROM public.named_schema_pond'",
            ],
            ["DROP FUNCTION public.named_schema_depth()", "DROP TABLE public.named_schema_pond"],
        )
    ]
