"""Index a practice's trail by time instead of by id: a search names a period, newest first."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0011_foreign_keys_share_indexes"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="auditevent",
            name="audit_by_practice",
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(
                fields=["organisation", "-recorded_at", "-id"], name="audit_by_time"
            ),
        ),
    ]
