"""Patients whose NHS number is not known yet, or who have none; what is verified has one."""

from importlib import import_module

from django.db import migrations, models

import practice.nhs_number


def note(apps, schema_editor):
    """Make the triggers of the diary again that SQLite lost with the old table of patients."""
    if schema_editor.connection.vendor == "sqlite":
        changes = import_module("practice.migrations.0020_pages_see_what_changed")
        changes.note(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0021_notes_about_patients"),
    ]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, note),
        migrations.AlterField(
            model_name="patient",
            name="nhs_number",
            field=models.CharField(
                blank=True,
                help_text="Empty: not known yet, or there is none. Nobody outside sees the patient then.",
                max_length=10,
                null=True,
                validators=[practice.nhs_number.validate],
                verbose_name="NHS number",
            ),
        ),
        migrations.AddConstraint(
            model_name="patient",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("nhs_number__isnull", False),
                    models.Q(("nhs_number_verification", "01"), _negated=True),
                    _connector="OR",
                ),
                name="verified_patient_has_a_number",
            ),
        ),
        migrations.AddConstraint(
            model_name="patient",
            constraint=models.CheckConstraint(
                condition=models.Q(("nhs_number", ""), _negated=True),
                name="patient_number_is_there_or_null",
            ),
        ),
        migrations.RunPython(note, migrations.RunPython.noop),
    ]
