"""The roles that staff have, as groups with the permissions of their work.

A group made or changed by hand under one of these names keeps what it has; permissions are added.
Permissions are usually made after all migrations, so they are made here first.
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

RECORDS_OF_A_PATIENT = [
    "patientaddress",
    "patientcontact",
    "patientlanguage",
    "patientname",
    "patienttelecom",
]
EVERYTHING_BUT_THE_TRAIL = [
    "accessprofile",
    "appointment",
    "appointmentslot",
    "cancellationlistentry",  # there from "cancellation_list" on
    "closure",
    "generationrun",
    "healthcareservice",  # there from "service_filtering" on
    "location",
    "organisation",
    "patient",
    *RECORDS_OF_A_PATIENT,
    "practitioner",
    "practitionerrole",
    "promise",  # there from 0033 on
    "schedule",
    "sessiontemplate",
    "slot",
    "slottype",  # there from "slot_types" on
    "templateblock",
]


def permissions(verbs, models):
    return [f"{verb}_{model}" for model in models for verb in verbs.split()]


RECEPTIONIST = [
    *permissions("view", EVERYTHING_BUT_THE_TRAIL),
    *permissions("add change", ["patient", "appointment", "cancellationlistentry"]),
    *permissions("add change delete", RECORDS_OF_A_PATIENT),
    "change_slot",
    "report_sick",  # there from 0023 on
    "book_elsewhere",  # there from "booked_elsewhere" on
]
PRACTICE_MANAGER = [
    *RECEPTIONIST,
    *permissions(
        "add change delete",
        [
            *("accessprofile", "closure", "healthcareservice", "promise", "sessiontemplate"),
            "templateblock",
        ],
    ),
    *permissions(
        "add change",
        ["location", "practitioner", "practitionerrole", "schedule", "slot", "slottype"],
    ),
    "add_generationrun",
    *permissions("view add change", ["rehearsal"]),  # there from "rehearsals" on
    "change_organisation",
    "view_auditevent",
    "view_weeklyreturn",  # there from "weekly_returns" on
]
# The data controller's switches, and who works here (ENA-005, STAFF-005, STAFF-006).
PRACTICE_ADMINISTRATOR = [
    *PRACTICE_MANAGER,
    "switch_gp_connect",
    "use_spreadsheets",  # there from 0026 on
    *permissions("view add change delete", ["membership", "remoteservice"]),
    *permissions("view add change", ["user"]),
    "view_group",
]
# Nobody's records but those on the own list, which has what a clinician needs of them.
CLINICIAN = ["use_own_list"]  # there from "my_list_of_the_day" on
AUDITOR = [
    *permissions("view", [*EVERYTHING_BUT_THE_TRAIL, "rehearsal"]),
    "view_auditevent",
    "view_weeklyreturn",
]

ROLES = {
    "Receptionist": RECEPTIONIST,
    "Practice manager": PRACTICE_MANAGER,
    "Practice administrator": PRACTICE_ADMINISTRATOR,
    "Auditor": AUDITOR,
    "Clinician": CLINICIAN,
}


def make_roles(apps, schema_editor):
    database = schema_editor.connection.alias
    for label in ("practice", "auth"):
        app = apps.get_app_config(label)
        app.models_module = True  # Without it nothing is made: these apps are a migration's copies.
        create_permissions(app, apps=apps, using=database, verbosity=0)
        app.models_module = None
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for name, codenames in ROLES.items():
        group, _ = Group.objects.using(database).get_or_create(name=name)
        granted = Permission.objects.using(database).filter(
            content_type__app_label__in=["practice", "auth"], codename__in=codenames
        )
        group.permissions.add(*granted)


def remove_roles(apps, schema_editor):
    Group = apps.get_model("auth", "Group")
    Group.objects.using(schema_editor.connection.alias).filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0003_generation_spares_sessions_changed_by_hand"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_roles, remove_roles)]
