"""Find slots with settings of their own: of the others, their session tells what holds for all."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("practice", "0013_limits_end_with_a_year"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(
                fields=["organisation", "start"],
                condition=Q(status="free", gp_connect_bookable=True, withdrawn=False)
                & (
                    Q(booking_window_days__isnull=False)
                    | Q(embargo_minutes__isnull=False)
                    | Q(minimum_notice_minutes__isnull=False)
                    | Q(slot_type__startswith=" ")
                ),
                name="slot_with_its_own",
            ),
        ),
    ]
