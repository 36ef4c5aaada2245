"""What waits for reception: of the own practice, unseen, the oldest first."""

from datetime import timedelta

import pytest

from practice.models import DeskMessage
from practice.reads.desk_messages import messages_waiting, with_whom
from workbench.factories import make_appointment, make_organisation, make_schedule, make_slots

pytestmark = pytest.mark.django_db


def test_reception_sees_what_clinicians_wrote_and_nobody_has_seen(
    practice, django_assert_num_queries
):
    slots = make_slots(4)
    theirs = make_slots(1, make_schedule(make_organisation()))
    written = []
    for n, slot in enumerate([*slots, *theirs]):
        appointment = make_appointment(slots=[slot])
        written.append(
            DeskMessage.objects.create(
                appointment=appointment,
                side="reception" if n == 2 else "clinician",
                text=str(n),
                written_at=slot.start - timedelta(minutes=n),
                seen_at=slot.start if n == 3 else None,
            )
        )

    with django_assert_num_queries(1):
        found = with_whom(messages_waiting(organisation=practice.organisation))
        about = [(m.appointment.patient, m.appointment.schedule.session_holder) for m in found]

    oldest_first = sorted(written[:2], key=lambda m: m.written_at)
    assert found == oldest_first
    assert len(about) == 2
