"""What the diary of a large practice weighs, which reception has open all day."""

import re

import pytest

from benchmarks import world
from practice.models import Practitioner, Slot
from tests.practice.staff.diary_world import DURING, THURSDAY
from workbench.staff import MANAGER, signed_in

pytestmark = pytest.mark.django_db

HOLDERS, SLOTS = 20, 600
MOST_BYTES = 120_000
LONG = "Bartholomew Featherstonehaugh-Mock-"
DIGITS = 6  # of an id, in a practice with a year of diary


def test_a_day_of_twenty_long_names_and_six_hundred_slots_is_light(monkeypatch):
    """For whoever may do everything, on the day itself, when most can be done."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: DURING)
    [practice] = world.build(practices=1, holders=HOLDERS, first=THURSDAY, days=1, patients=300)
    for number, holder in enumerate(Practitioner.objects.order_by("pk"), start=10):
        holder.family_name = f"{LONG}{number}"
        holder.save(update_fields=["family_name"])
    spare = Slot.objects.order_by("-start")[SLOTS:].values("pk")
    Slot.objects.filter(pk__in=list(spare.values_list("pk", flat=True))).delete()
    world.book(every=3, now=DURING)

    page = signed_in(practice, role=MANAGER).get("/admin/diary/", {"date": THURSDAY}).content

    ids = rb'(?<=[as/])\d+(?=[ >])|(?<=value=")\d+(?=")'
    with_long_ids = re.sub(ids, lambda pk: pk[0].zfill(DIGITS), page)
    assert page.count(b"<a id=") == SLOTS
    assert len(with_long_ids) <= MOST_BYTES
