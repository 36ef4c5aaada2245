"""Let the database note that a practice's diary has changed, whoever changed it.

Pages that stay open ask for it every few seconds (practice.reads.diary_changes). A row is added,
never changed: two bookings at once do not wait for each other, and it comes with the transaction
that made the change, in whichever order they end. A booking writes one row, since a new
appointment always changes its slots. On SQLite, where one writes at a time, a row counts up.

Whoever changes a column of these tables on SQLite must make the triggers again (``note``): Django
remakes the table, and they go with the old one. A test says so. For the same reason they name no
other table there, and so do not know a session's date.
"""

import django.db.models.deletion
from django.db import migrations, models

NOTES = "practice_diarychange"
# What is in a session, and which changes of it are told.
IN_SESSION = {"slot": ("INSERT", "UPDATE"), "appointment": ("UPDATE",)}
# What the whole diary shows: by which column its practice is known, and which changes are told.
EVERYWHERE = {
    "closure": ("organisation_id", ("INSERT", "UPDATE", "DELETE")),
    "location": ("organisation_id", ("UPDATE",)),
    "accessprofile": ("organisation_id", ("UPDATE",)),
    "practitionerrole": ("organisation_id", ("INSERT", "UPDATE")),
    "organisation": ("id", ("UPDATE",)),
    "patient": (
        "organisation_id",
        ("UPDATE OF prefix, given_names, family_name, birth_date",),
    ),
}

POSTGRESQL = f"""
CREATE FUNCTION note_in_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {NOTES} (organisation_id, date, schedule_id, times, at)
    SELECT organisation_id, (SELECT date FROM practice_schedule s WHERE s.id = schedule_id),
        schedule_id, 1, now()
    FROM (SELECT DISTINCT organisation_id, schedule_id FROM changed) there;
    RETURN NULL;
END $$;
CREATE FUNCTION note_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {NOTES} (organisation_id, date, schedule_id, times, at)
    SELECT organisation_id, date, id, 1, now() FROM changed;
    RETURN NULL;
END $$;
CREATE FUNCTION note_everywhere() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told jsonb := to_jsonb(COALESCE(NEW, OLD));
BEGIN
    INSERT INTO {NOTES} (organisation_id, times, at)
    VALUES ((told ->> TG_ARGV[0])::bigint, 1, now());
    RETURN NULL;
END $$;
CREATE FUNCTION note_practices_of_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {NOTES} (organisation_id, times, at)
    SELECT organisation_id, 1, now() FROM practice_practitionerrole
    WHERE practitioner_id = NEW.id;
    RETURN NULL;
END $$
"""


def statements_of_postgresql():
    yield POSTGRESQL
    functions = {"schedule": "note_session", **dict.fromkeys(IN_SESSION, "note_in_session")}
    for table, verbs in {"schedule": ("INSERT", "UPDATE"), **IN_SESSION}.items():
        for verb in verbs:
            yield (
                f"CREATE TRIGGER note_{verb.lower()} AFTER {verb} ON practice_{table} "
                "REFERENCING NEW TABLE AS changed FOR EACH STATEMENT "
                f"EXECUTE FUNCTION {functions[table]}()"
            )
    for table, (column, verbs) in EVERYWHERE.items():
        for verb in verbs:
            yield (
                f"CREATE TRIGGER note_{verb.split()[0].lower()} AFTER {verb} ON practice_{table} "
                f"FOR EACH ROW EXECUTE FUNCTION note_everywhere('{column}')"
            )
    yield (
        "CREATE TRIGGER note_update AFTER UPDATE ON practice_practitioner "
        "FOR EACH ROW EXECUTE FUNCTION note_practices_of_person()"
    )


def counting(practice, session):
    """SQLite: the row of a practice and a session, made where there is none, counts up."""
    at = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
    there = f"organisation_id = {practice} AND schedule_id IS {session}"
    return (
        f"INSERT INTO {NOTES} (organisation_id, schedule_id, times, at) "
        f"SELECT {practice}, {session}, 0, {at} "
        f"WHERE NOT EXISTS (SELECT 1 FROM {NOTES} WHERE {there}); "
        f"UPDATE {NOTES} SET times = times + 1, at = {at} WHERE {there};"
    )


def statements_of_sqlite():
    told = [
        *((table, verb, "organisation_id", "schedule_id") for table, verb in _each(IN_SESSION)),
        ("schedule", "INSERT", "organisation_id", "id"),
        ("schedule", "UPDATE", "organisation_id", "id"),
        *(
            (table, verb, column, None)
            for table, (column, verbs) in EVERYWHERE.items()
            for verb in verbs
        ),
    ]
    for table, verb, practice, session in told:
        row = "OLD" if verb == "DELETE" else "NEW"
        which = f"{row}.{session}" if session else "NULL"
        yield (
            f"CREATE TRIGGER note_{table}_{verb.split()[0].lower()} AFTER {verb} "
            f"ON practice_{table} BEGIN {counting(f'{row}.{practice}', which)} END"
        )


def _each(tables):
    return [(table, verb) for table, verbs in tables.items() for verb in verbs]


def note(apps, schema_editor):
    """Make the triggers; on SQLite those that are missing."""
    if schema_editor.connection.vendor == "postgresql":
        for statement in statements_of_postgresql():
            schema_editor.execute(statement, params=None)
        return
    for statement in statements_of_sqlite():
        made = statement.replace("CREATE TRIGGER", "CREATE TRIGGER IF NOT EXISTS", 1)
        schema_editor.execute(made, params=None)


def note_nothing(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for function in (
            "note_in_session",
            "note_session",
            "note_everywhere",
            "note_practices_of_person",
        ):
            schema_editor.execute(f"DROP FUNCTION {function}() CASCADE")
        return
    for statement in statements_of_sqlite():
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {statement.split()[2]}")


def guard(apps, schema_editor):
    """As every table with a practice: see the migration of row-level security."""
    if schema_editor.connection.vendor != "postgresql":
        return
    reach = "(SELECT practices_in_reach())::bigint[]"
    schema_editor.execute(f"ALTER TABLE {NOTES} ENABLE ROW LEVEL SECURITY")
    schema_editor.execute(
        f"CREATE POLICY in_reach ON {NOTES} USING (CASE WHEN organisation_id = ANY ({reach}) "
        f"THEN true ELSE -1 = ANY ({reach}) END)",
        params=None,
    )


class Migration(migrations.Migration):
    dependencies = [("practice", "0019_roles_say_who_works_here")]

    operations = [
        migrations.CreateModel(
            name="DiaryChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("date", models.DateField(null=True)),
                ("schedule_id", models.BigIntegerField(null=True)),
                ("times", models.IntegerField()),
                ("at", models.DateTimeField()),
                (
                    "organisation",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="practice.organisation",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organisation", "date"], name="diary_change_by_date")
                ],
            },
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
        migrations.RunPython(note, note_nothing),
    ]
