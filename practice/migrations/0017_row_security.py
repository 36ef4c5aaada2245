"""Let PostgreSQL show each request the rows of its own practices only (practice.db.row_security).

Policies bind whoever neither owns the tables nor is a superuser: the serving role of
deploy/postgresql/rights.sql, and the reader of replicas. A row's practice is its own, or that of the
record it belongs to. Written as a CASE, so that the planner takes a policy for what it is: true of
nearly every row that a question with ``organisation=`` finds.
"""

from django.db import migrations

# What has a practice of its own.
OWN = (
    "accessprofile",
    "appointment",
    "auditevent",
    "audithead",
    "auditseal",
    "auditwaiting",
    "calendarfeed",
    "closure",
    "generationrun",
    "location",
    "patient",
    "practitionerrole",
    "schedule",
    "sessiontemplate",
    "slot",
)
# What belongs to a record that has one: which, by which column.
PARTS = {
    "appointmentslot": ("appointment", "appointment_id"),
    "contactattempt": ("appointment", "appointment_id"),
    "patientaddress": ("patient", "patient_id"),
    "patientcontact": ("patient", "patient_id"),
    "patientlanguage": ("patient", "patient_id"),
    "patientname": ("patient", "patient_id"),
    "patienttelecom": ("patient", "patient_id"),
    "templateblock": ("sessiontemplate", "template_id"),
}

# An unset or empty setting is a fault of the program, and is told as one.
REACH = """
CREATE FUNCTION practices_in_reach() RETURNS bigint[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    said text := current_setting('appointments.practices', true);
BEGIN
    IF said IS NULL OR said = '' THEN
        RAISE EXCEPTION 'nobody said which practices are in reach'
            USING ERRCODE = 'insufficient_privilege', HINT = 'See practice/db/row_security.py.';
    END IF;
    RETURN CASE said WHEN 'all' THEN '{-1}' ELSE said END::bigint[];
END $$
"""


def in_reach(column):
    # Each SELECT is done once for a statement, the second only where the first did not do.
    return (
        f"CASE WHEN {column} = ANY ((SELECT practices_in_reach())::bigint[]) THEN true "
        "ELSE -1 = ANY ((SELECT practices_in_reach())::bigint[]) END"
    )


def policies():
    for table in OWN:
        yield (
            table,
            f"CREATE POLICY in_reach ON practice_{table} USING ({in_reach('organisation_id')})",
        )
    for table, (whole, column) in PARTS.items():
        # One look into an index, never a list of all: the other record's own policy decides.
        found = (
            f"(SELECT whole.id FROM practice_{whole} whole WHERE whole.id = {column}) IS NOT NULL"
        )
        yield table, f"CREATE POLICY in_reach ON practice_{table} USING ({found})"
    # A person may work at several practices: they are in reach where they have, or had, a role.
    known_here = " OR ".join(
        f"(SELECT there.id FROM practice_{table} there "
        f"WHERE there.{column} = practice_practitioner.id LIMIT 1) IS NOT NULL"
        for table, column in (
            ("practitionerrole", "practitioner_id"),
            ("schedule", "session_holder_id"),
        )
    )
    person = f"{known_here} OR -1 = ANY ((SELECT practices_in_reach())::bigint[])"
    yield "practitioner", f"CREATE POLICY in_reach ON practice_practitioner USING ({person})"
    # Which practices there are, and where somebody works, must be known before anything is in reach.
    for table, column in (("organisation", "id"), ("membership", "organisation_id")):
        yield table, f"CREATE POLICY known ON practice_{table} FOR SELECT USING (true)"
        for what in ("UPDATE", "DELETE"):
            yield (
                table,
                f"CREATE POLICY in_reach_{what.lower()} ON practice_{table} FOR {what} "
                f"USING ({in_reach(column)})",
            )
        yield (
            table,
            f"CREATE POLICY in_reach_insert ON practice_{table} FOR INSERT "
            f"WITH CHECK ({in_reach(column)})",
        )


def guard(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(REACH, params=None)
    for table, policy in policies():
        schema_editor.execute(f"ALTER TABLE practice_{table} ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(policy, params=None)


def expose(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, policy in policies():
        name = policy.split()[2]
        schema_editor.execute(f"DROP POLICY {name} ON practice_{table}")
        schema_editor.execute(f"ALTER TABLE practice_{table} DISABLE ROW LEVEL SECURITY")
    schema_editor.execute("DROP FUNCTION practices_in_reach()")


class Migration(migrations.Migration):
    dependencies = [("practice", "0016_what_zero_means_for_limits")]

    operations = [migrations.RunPython(guard, expose)]
