"""A practice may be the sandbox of a supplier, from its first moment on or never.

The database refuses to make one of the other, whoever writes. On SQLite the triggers of 0020 are
made once more, as this remakes a table; whoever remakes practice_organisation there later must
make this one again too (``hold``). A test says so.
"""

from importlib import import_module

from django.db import migrations, models

TABLE = "practice_organisation"
REFUSED = "a sandbox stays a sandbox, and a real practice is none"

POSTGRESQL = [
    f"""
    CREATE FUNCTION sandbox_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    f"CREATE TRIGGER sandbox_stays_one BEFORE UPDATE ON {TABLE} FOR EACH ROW "
    "WHEN (NEW.sandbox_of IS DISTINCT FROM OLD.sandbox_of) EXECUTE FUNCTION sandbox_refuse()",
]
SQLITE = [
    f"CREATE TRIGGER IF NOT EXISTS sandbox_stays_one BEFORE UPDATE ON {TABLE} "
    "WHEN NEW.sandbox_of IS NOT OLD.sandbox_of "
    f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END",
]


def hold(apps, schema_editor):
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for statement in POSTGRESQL if is_postgresql else SQLITE:
        schema_editor.execute(statement, params=None)


def let_go(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION sandbox_refuse() CASCADE")
    else:
        schema_editor.execute("DROP TRIGGER IF EXISTS sandbox_stays_one")


def note(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        import_module("practice.migrations.0020_pages_see_what_changed").note(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0043_cancellation_reasons"),
    ]

    operations = [
        migrations.AddField(
            model_name="organisation",
            name="sandbox_of",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="The supplier who tries their system here: nobody in it is real. "
                "Empty: a real practice.",
                max_length=100,
            ),
        ),
        migrations.AddConstraint(
            model_name="organisation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("sandbox_of", ""), _negated=True),
                fields=("sandbox_of",),
                name="one_sandbox_of_a_supplier",
            ),
        ),
        migrations.RunPython(note, migrations.RunPython.noop),
        migrations.RunPython(hold, let_go),
    ]
