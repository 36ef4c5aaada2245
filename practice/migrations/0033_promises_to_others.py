"""What a practice promised to others, and the days that fall short; who may see and change it."""

from importlib import import_module

import django.core.validators
import django.db.models.deletion
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

import practice.models.promises
import practice.terminology

TABLES = ("practice_promise", "practice_shortfall")
SEE = ("Receptionist", "Practice manager", "Practice administrator", "Auditor")
CHANGE = ("Practice manager", "Practice administrator")


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


def grant(apps, schema_editor):
    database = schema_editor.connection.alias
    app = apps.get_app_config("practice")
    app.models_module = True  # Without it nothing is made: this app is a migration's copy.
    create_permissions(app, apps=apps, using=database, verbosity=0)
    app.models_module = None
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    may = Permission.objects.using(database).filter(content_type__app_label="practice")
    for group in Group.objects.using(database).filter(name__in=SEE):
        group.permissions.add(*may.filter(codename="view_promise"))
    for group in Group.objects.using(database).filter(name__in=CHANGE):
        verbs = ("add_promise", "change_promise", "delete_promise")
        group.permissions.add(*may.filter(codename__in=verbs))


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0032_words_of_staff"),
    ]

    operations = [
        migrations.CreateModel(
            name="Promise",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(help_text="Such as NHS 111.", max_length=100)),
                (
                    "ods_code",
                    models.CharField(
                        blank=True,
                        max_length=20,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Z0-9]+\\Z",
                                "An ODS code is made of capital letters and digits.",
                            )
                        ],
                        verbose_name="ODS code",
                    ),
                ),
                (
                    "organisation_type",
                    models.CharField(
                        blank=True, choices=practice.terminology.organisation_types, max_length=20
                    ),
                ),
                (
                    "slots_a_day",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "patients_for_each_slot",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="One slot a day for every so many patients who are registered.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                ("weekdays", models.JSONField(default=practice.models.promises.monday_to_friday)),
                (
                    "start_time",
                    models.TimeField(
                        blank=True, help_text="Empty: all day.", null=True, verbose_name="from"
                    ),
                ),
                (
                    "end_time",
                    models.TimeField(
                        blank=True, help_text="Empty: all day.", null=True, verbose_name="until"
                    ),
                ),
                (
                    "days_ahead",
                    models.PositiveSmallIntegerField(
                        default=7,
                        help_text="How many days are watched, today the first.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(28),
                        ],
                    ),
                ),
                ("mail_to", models.TextField(blank=True, verbose_name="mail to")),
                (
                    "access_profile",
                    models.ForeignKey(
                        blank=True,
                        help_text="Everybody whom it names must be offered as much.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="practice.accessprofile",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="promises",
                        to="practice.organisation",
                        verbose_name="practice",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
            },
        ),
        migrations.CreateModel(
            name="Shortfall",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("promised", models.PositiveIntegerField()),
                ("offered", models.PositiveIntegerField(help_text="On offer now, or taken.")),
                ("causes", models.JSONField(default=list)),
                ("told", models.JSONField(default=list)),
                ("noticed_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shortfalls",
                        to="practice.organisation",
                    ),
                ),
                (
                    "promise",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shortfalls",
                        to="practice.promise",
                    ),
                ),
            ],
            options={
                "ordering": ["day", "promise"],
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="promise",
            constraint=models.UniqueConstraint(
                fields=("organisation", "name"), name="promise_name_once_in_practice"
            ),
        ),
        migrations.AddConstraint(
            model_name="promise",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("access_profile__isnull", False),
                    models.Q(("ods_code", ""), _negated=True),
                    models.Q(("organisation_type", ""), _negated=True),
                    _connector="OR",
                ),
                name="promise_says_to_whom",
            ),
        ),
        migrations.AddConstraint(
            model_name="promise",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("patients_for_each_slot__isnull", True), ("slots_a_day__isnull", False)
                    ),
                    models.Q(
                        ("patients_for_each_slot__isnull", False), ("slots_a_day__isnull", True)
                    ),
                    _connector="OR",
                ),
                name="promise_says_how_many",
            ),
        ),
        migrations.AddConstraint(
            model_name="promise",
            constraint=models.CheckConstraint(
                condition=models.Q(("days_ahead__gte", 1), ("days_ahead__lte", 28)),
                name="promise_looks_some_days_ahead",
            ),
        ),
        migrations.AddIndex(
            model_name="shortfall",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)),
                fields=["organisation", "day"],
                name="shortfall_of_practice",
            ),
        ),
        migrations.AddConstraint(
            model_name="shortfall",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)),
                fields=("promise", "day"),
                name="shortfall_once_at_a_time",
            ),
        ),
        migrations.RunPython(guard, expose),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
