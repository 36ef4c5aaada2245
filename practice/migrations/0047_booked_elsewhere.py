"""Where else a practice books for its patients, what it booked there, and who may do that.

PostgreSQL shows both to their practice only, as every table with one (0017).
"""

from importlib import import_module

import django.core.validators
import django.db.models.deletion
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

import practice.models.elsewhere
import practice.terminology

BOOK = ("Receptionist", "Practice manager", "Practice administrator")
KEEP = "Practice administrator"


def guard(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    in_reach = import_module("practice.migrations.0017_row_security").in_reach
    own = f"USING ({in_reach('organisation_id')})"
    for table in ("remoteservice", "remoteappointment"):
        schema_editor.execute(f"ALTER TABLE practice_{table} ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(f"CREATE POLICY in_reach ON practice_{table} {own}", params=None)


def grant(apps, schema_editor):
    database = schema_editor.connection.alias
    app = apps.get_app_config("practice")
    app.models_module = True  # Without it nothing is made: this app is a migration's copy.
    create_permissions(app, apps=apps, using=database, verbosity=0)
    app.models_module = None
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    may = Permission.objects.using(database).filter(content_type__app_label="practice")
    groups = Group.objects.using(database)
    for group in groups.filter(name__in=BOOK):
        group.permissions.add(*may.filter(codename="book_elsewhere"))
    for group in groups.filter(name=KEEP):
        group.permissions.add(*may.filter(codename__endswith="_remoteservice"))


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0046_service_filtering"),
    ]

    operations = [
        migrations.CreateModel(
            name="RemoteService",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="As reception calls it: Hilltop Hub.", max_length=100
                    ),
                ),
                (
                    "ods_code",
                    models.CharField(
                        max_length=12,
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
                    "asid",
                    models.CharField(
                        help_text="The NHS's number for its system.",
                        max_length=12,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[0-9]{12}\\Z", "An ASID has twelve digits."
                            )
                        ],
                        verbose_name="ASID",
                    ),
                ),
                (
                    "base_url",
                    models.CharField(
                        help_text="Its FHIR service root, such as https://…/STU3/1/gpconnect/fhir.",
                        max_length=300,
                        validators=[practice.models.elsewhere.validate_service_root],
                        verbose_name="address",
                    ),
                ),
                (
                    "active",
                    models.BooleanField(
                        default=True,
                        help_text="Off: nobody searches or books there.",
                        verbose_name="in use",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="remote_services",
                        to="practice.organisation",
                        verbose_name="practice",
                    ),
                ),
            ],
            options={
                "verbose_name": "organisation elsewhere",
                "verbose_name_plural": "organisations elsewhere",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="RemoteAppointment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Not known yet whether it is booked"),
                            ("booked", "Booked"),
                            ("not-booked", "Nothing was booked"),
                            ("cancelling", "Not known yet whether it is cancelled"),
                            ("cancelled", "Cancelled"),
                            ("never", "Never known: its day is over"),
                        ],
                        default="asked",
                        max_length=10,
                    ),
                ),
                ("start", models.DateTimeField()),
                ("end", models.DateTimeField()),
                ("with_whom", models.CharField(blank=True, max_length=200, verbose_name="with")),
                ("at_place", models.CharField(blank=True, max_length=300, verbose_name="at")),
                ("slot_type", models.CharField(blank=True, max_length=200)),
                (
                    "delivery_channel",
                    models.CharField(
                        blank=True, choices=practice.terminology.delivery_channels, max_length=20
                    ),
                ),
                ("description", models.CharField(max_length=100)),
                ("remote_slots", models.JSONField(default=list)),
                ("first_slot", models.CharField(max_length=64)),
                ("remote_patient_id", models.CharField(blank=True, max_length=64)),
                ("remote_id", models.CharField(blank=True, max_length=64)),
                ("asked_at", models.DateTimeField()),
                ("asked_by_name", models.CharField(max_length=200, verbose_name="booked by")),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("checked_at", models.DateTimeField(blank=True, null=True)),
                ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "cancelled_by_name",
                    models.CharField(blank=True, max_length=200, verbose_name="cancelled by"),
                ),
                ("cancellation_reason", models.CharField(blank=True, max_length=300)),
                (
                    "said",
                    models.CharField(
                        blank=True, help_text="What became of it last, in words.", max_length=300
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="practice.organisation",
                        verbose_name="practice",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="remote_appointments",
                        to="practice.patient",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="practice.remoteservice",
                        verbose_name="where",
                    ),
                ),
            ],
            options={
                "verbose_name": "appointment elsewhere",
                "verbose_name_plural": "appointments elsewhere",
                "ordering": ["start", "id"],
                "permissions": [("book_elsewhere", "Can book and cancel at other organisations")],
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="remoteservice",
            constraint=models.UniqueConstraint(
                fields=("organisation", "name"), name="remote_service_name_once_in_practice"
            ),
        ),
        migrations.AddConstraint(
            model_name="remoteservice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("base_url", ""), _negated=True),
                    models.Q(("ods_code", ""), _negated=True),
                    models.Q(("asid", ""), _negated=True),
                ),
                name="remote_service_can_be_called",
            ),
        ),
        migrations.AddConstraint(
            model_name="remoteappointment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["asked", "booked", "cancelling"])),
                fields=("service", "patient", "first_slot"),
                name="remote_time_asked_for_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="remoteappointment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "asked")),
                fields=("service", "patient"),
                name="remote_booking_unknown_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="remoteappointment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        ["asked", "booked", "not-booked", "cancelling", "cancelled", "never"],
                    )
                ),
                name="remote_appointment_state_is_a_code",
            ),
        ),
        migrations.AddConstraint(
            model_name="remoteappointment",
            constraint=models.CheckConstraint(
                condition=models.Q(("end__gt", models.F("start"))),
                name="remote_appointment_ends_after_it_starts",
            ),
        ),
        migrations.AddConstraint(
            model_name="remoteappointment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("remote_id", ""), _negated=True),
                    ("state__in", ["asked", "not-booked", "never"]),
                    _connector="OR",
                ),
                name="remote_appointment_booked_has_an_id",
            ),
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
