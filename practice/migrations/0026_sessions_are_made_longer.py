"""Let a session say from when to when a person has made it longer than its template has it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0025_gps_have_the_code_of_the_directory"),
    ]

    operations = [
        migrations.AddField(
            model_name="schedule",
            name="extended_from",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="schedule",
            name="extended_to",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
