"""Which organisations really ask, counted from the audit trail; when one counts as silent."""

from importlib import import_module

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

TABLES = ("practice_askingorganisation", "practice_askingwatch")


def guard(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    in_reach = import_module("practice.migrations.0017_row_security").in_reach
    for table in TABLES:
        schema_editor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(
            f"CREATE POLICY in_reach ON {table} USING ({in_reach('organisation_id')})", params=None
        )


def expose(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table in TABLES:
            schema_editor.execute(f"DROP POLICY in_reach ON {table}")
            schema_editor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0035_nobody_is_told_twice"),
    ]

    operations = [
        migrations.CreateModel(
            name="AskingWatch",
            fields=[
                (
                    "organisation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="asking_watch",
                        serialize=False,
                        to="practice.organisation",
                    ),
                ),
                ("read_to", models.BigIntegerField(default=0)),
                ("began_at", models.DateTimeField()),
                ("read_at", models.DateTimeField()),
                ("findings", models.JSONField(default=list)),
                ("told", models.JSONField(default=list)),
                ("telling_until", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="promise",
            name="made_at",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
        migrations.AddField(
            model_name="promise",
            name="silent_after_days",
            field=models.PositiveSmallIntegerField(
                default=2,
                help_text="Who has not searched for so long is said to be silent.",
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
        migrations.CreateModel(
            name="AskingOrganisation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ods_code", models.CharField(blank=True, max_length=100, verbose_name="ODS code")),
                ("name", models.CharField(blank=True, max_length=200)),
                ("for_ods_codes", models.JSONField(default=list)),
                ("for_organisation_types", models.JSONField(default=list)),
                ("last_search_at", models.DateTimeField(null=True)),
                ("last_shown", models.PositiveIntegerField(null=True)),
                ("nothing_since", models.DateTimeField(null=True)),
                ("last_booking_at", models.DateTimeField(null=True)),
                ("days", models.JSONField(default=dict)),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="asking_organisations",
                        to="practice.organisation",
                        verbose_name="practice",
                    ),
                ),
            ],
            options={
                "ordering": ["organisation", "ods_code"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organisation", "ods_code"),
                        name="asking_organisation_once_in_practice",
                    )
                ],
            },
        ),
        migrations.RunPython(guard, expose),
    ]
