"""Spreadsheets that staff upload, guarded like all that a practice has; administrators use them."""

from importlib import import_module

import django.db.models.deletion
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

TABLE = "practice_sheetimport"


def guard(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    in_reach = import_module("practice.migrations.0017_row_security").in_reach
    schema_editor.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    schema_editor.execute(
        f"CREATE POLICY in_reach ON {TABLE} USING ({in_reach('organisation_id')})", params=None
    )


def expose(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP POLICY in_reach ON {TABLE}")
        schema_editor.execute(f"ALTER TABLE {TABLE} DISABLE ROW LEVEL SECURITY")


def grant(apps, schema_editor):
    database = schema_editor.connection.alias
    app = apps.get_app_config("practice")
    app.models_module = True  # Without it nothing is made: this app is a migration's copy.
    create_permissions(app, apps=apps, using=database, verbosity=0)
    app.models_module = None
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    may = Permission.objects.using(database).get(
        content_type__app_label="practice", codename="use_spreadsheets"
    )
    for group in Group.objects.using(database).filter(name="Practice administrator"):
        group.permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0026_sessions_are_made_longer"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SheetImport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("patients", "Patients"),
                            ("practitioners", "Practitioners and roles"),
                            ("profiles", "Access profiles"),
                            ("rota", "Rota of sessions"),
                        ],
                        max_length=15,
                    ),
                ),
                ("file_name", models.CharField(max_length=200)),
                ("stored_as", models.CharField(blank=True, max_length=200)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("uploaded", "Not confirmed yet"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("stopped", "Stopped"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="uploaded",
                        max_length=10,
                    ),
                ),
                ("rows", models.PositiveIntegerField(default=0)),
                ("rows_done", models.PositiveIntegerField(default=0)),
                ("created", models.PositiveIntegerField(default=0)),
                ("changed", models.PositiveIntegerField(default=0)),
                ("error", models.TextField(blank=True)),
                ("uploaded_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                (
                    "actor",
                    models.JSONField(
                        default=dict, help_text="Who confirmed, as the audit trail has them."
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sheet_imports",
                        to="practice.organisation",
                        verbose_name="practice",
                    ),
                ),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "import of a spreadsheet",
                "verbose_name_plural": "imports of spreadsheets",
                "ordering": ["-uploaded_at", "-id"],
                "default_permissions": (),
                "permissions": [
                    ("use_spreadsheets", "Can take records out and in as spreadsheets")
                ],
                "indexes": [
                    models.Index(
                        fields=["organisation", "-uploaded_at"], name="sheet_import_by_time"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["uploaded", "running", "done", "stopped", "cancelled"])
                        ),
                        name="sheet_import_status_is_a_code",
                    )
                ],
            },
        ),
        migrations.RunPython(guard, expose),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
