"""Who works at a practice is said by their roles there, and no longer by the shared person.

What was said so far is carried over, so that the next generation withdraws nothing: the roles of a
person who was not active end, and a role of a person who was active goes on where a template or a
session to come still counts on them. (Their calendar feed led nowhere while no role went on, and
leads nowhere now.)

The column ``active`` of the person stays in the database until the release after this one, as
servers of the version before still read it while they are replaced; no model knows it any more.
"""

from django.db import migrations
from django.db.models import F, Q
from django.utils import timezone

# Sessional GP: for the holder of a session that names no role, who has none here.
SOMEBODY = "R6300"


def carry_over(apps, schema_editor):
    database = schema_editor.connection.alias

    def rows(name):
        return apps.get_model("practice", name).objects.using(database)

    now, today = timezone.now(), timezone.localdate()
    # Each practice may show a person otherwise than before, as a new version.
    rows("Practitioner").update(version=F("version") + 1, updated_at=now)
    roles = rows("PractitionerRole")
    roles.filter(practitioner__active=False, active=True).update(active=False, updated_at=now)

    going_on = Q(effective_to__isnull=True) | Q(effective_to__gte=today)
    columns = ("organisation_id", "session_holder_id", "practitioner_role")
    counted_on = {}
    for found in (
        rows("SessionTemplate").filter(going_on),
        rows("Schedule").filter(date__gte=today, withdrawn=False),
    ):
        people = found.filter(session_holder__active=True).order_by().values_list(*columns)
        for practice, person, role in people.distinct():
            counted_on.setdefault((practice, person), role)
    for (practice, person), role in sorted(counted_on.items()):
        theirs = roles.filter(organisation=practice, practitioner=person)
        if theirs.filter(active=True).exists():
            continue
        last = theirs.filter(role=role).first() or theirs.order_by("-pk").first()
        if last:
            theirs.filter(pk=last.pk).update(active=True, updated_at=now)
        else:
            roles.create(organisation_id=practice, practitioner_id=person, role=role or SOMEBODY)
        feeds = rows("CalendarFeed").filter(organisation=practice, practitioner=person)
        feeds.filter(revoked_at__isnull=True).update(revoked_at=now)


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0018_roles_have_versions"),
    ]

    operations = [
        migrations.RunPython(carry_over, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField(model_name="practitioner", name="active")]
        ),
    ]
