"""What clinicians and reception have written to each other about appointments."""

from practice.models import DeskMessage, Organisation
from practice.models.booking import DeskMessageQuerySet


def messages_waiting(*, organisation: Organisation) -> DeskMessageQuerySet:
    """Return what clinicians wrote and reception has not seen, the oldest first."""
    return DeskMessage.objects.unseen_by(DeskMessage.Side.RECEPTION).filter(
        appointment__organisation=organisation
    )


def with_whom(messages: DeskMessageQuerySet) -> list[DeskMessage]:
    """Return messages with their appointment, its patient and its session holder: one query."""
    return list(
        messages.select_related("appointment__patient", "appointment__schedule__session_holder")
    )
