"""On PostgreSQL, let the database refuse two sessions of one holder at one time.

An exclusion constraint on sessions, not on slots: on slots it makes bulk writes three times as slow
(docs/techniques.md, "Writing very many slots"). SQLite has none; there the services check it under the write lock.
"""

from django.db import migrations


def add(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    schema_editor.execute(
        "ALTER TABLE practice_schedule ADD CONSTRAINT holder_in_one_session_at_a_time "
        'EXCLUDE USING gist (session_holder_id WITH =, tstzrange("start", "end") WITH &&) '
        "WHERE (session_holder_id IS NOT NULL AND NOT withdrawn)"
    )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(
        "ALTER TABLE practice_schedule DROP CONSTRAINT holder_in_one_session_at_a_time"
    )


class Migration(migrations.Migration):
    dependencies = [("practice", "0001_initial")]

    operations = [migrations.RunPython(add, remove)]
