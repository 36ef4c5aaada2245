"""Which weekly returns were made; who may see and fetch them."""

from importlib import import_module

import django.db.models.deletion
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

TABLE = "practice_weeklyreturn"
SEE = ("Practice manager", "Practice administrator", "Auditor")


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
    may = Permission.objects.using(database).filter(
        content_type__app_label="practice", codename="view_weeklyreturn"
    )
    for group in Group.objects.using(database).filter(name__in=SEE):
        group.permissions.add(*may)


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0040_rehearsals"),
    ]

    operations = [
        migrations.CreateModel(
            name="WeeklyReturn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_day", models.DateField(verbose_name="week from")),
                ("number", models.PositiveSmallIntegerField(default=1)),
                ("rows", models.PositiveIntegerField()),
                ("appointments", models.PositiveIntegerField()),
                ("csv_sha256", models.CharField(max_length=64)),
                ("ndjson_sha256", models.CharField(max_length=64)),
                (
                    "list_version",
                    models.CharField(max_length=40, verbose_name="version of the lists"),
                ),
                ("made_at", models.DateTimeField()),
                ("made_by_name", models.CharField(max_length=200, verbose_name="by")),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="weekly_returns",
                        to="practice.organisation",
                        verbose_name="practice",
                    ),
                ),
            ],
            options={
                "ordering": ["-first_day", "-number"],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organisation", "first_day", "number"),
                        name="weekly_return_made_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1)),
                        name="weekly_return_counts_from_one",
                    ),
                ],
            },
        ),
        migrations.RunPython(guard, expose),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
