"""The reasons for cancelling that a practice keeps, the usual ones to begin with.

And once more the triggers of 0020: on SQLite this remakes a table.
"""

from importlib import import_module

from django.db import migrations, models


def note(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        import_module("practice.migrations.0020_pages_see_what_changed").note(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0042_cancellation_list"),
    ]

    operations = [
        migrations.AddField(
            model_name="organisation",
            name="cancellation_reasons",
            field=models.TextField(
                blank=True,
                default=(
                    "Patient cancelled\nPatient no longer needs it\nBooked in error\n"
                    "Clinician unavailable\nPractice closed"
                ),
                help_text="One a line. Whoever cancels chooses one, and may write more beside it.",
                verbose_name="reasons for cancelling",
            ),
        ),
        migrations.RunPython(note, migrations.RunPython.noop),
    ]
