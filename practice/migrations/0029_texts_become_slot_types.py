"""Each text that slots, appointments and blocks have as their type becomes a record, not mapped yet.

The texts stay what they are. Who plans may map the types; all roles of staff may see them.
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

MAPPING = ("Practice manager", "Practice administrator")
SEEING = (*MAPPING, "Receptionist", "Auditor")


def make_records(apps, schema_editor):
    database = schema_editor.connection.alias
    found = set()
    for model, practice in (
        ("Slot", "organisation_id"),
        ("Appointment", "organisation_id"),
        ("TemplateBlock", "template__organisation_id"),
    ):
        rows = apps.get_model("practice", model).objects.using(database).order_by()
        found.update(rows.values_list(practice, "slot_type").distinct())
    SlotType = apps.get_model("practice", "SlotType")
    SlotType.objects.using(database).bulk_create(
        [
            SlotType(organisation_id=practice, name=name)
            for practice, name in sorted(found)
            if name.strip()
        ],
        ignore_conflicts=True,
    )


def grant(apps, schema_editor):
    database = schema_editor.connection.alias
    app = apps.get_app_config("practice")
    app.models_module = True  # Without it nothing is made: this app is a migration's copy.
    create_permissions(app, apps=apps, using=database, verbosity=0)
    app.models_module = None
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for codename, roles in (
        ("view_slottype", SEEING),
        ("add_slottype", MAPPING),
        ("change_slottype", MAPPING),
    ):
        may = Permission.objects.using(database).get(
            content_type__app_label="practice", codename=codename
        )
        for group in Group.objects.using(database).filter(name__in=roles):
            group.permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [("practice", "0028_slot_types")]

    operations = [
        migrations.RunPython(make_records, migrations.RunPython.noop),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
