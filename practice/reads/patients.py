"""Which patients there are, and which of them others may know of."""

from datetime import datetime

from django.db.models import Q, QuerySet

from practice import clock
from practice.db.prepared import Number, Prepared
from practice.models import Organisation, Patient

VERIFIED = "01"

PATIENT = Prepared(
    lambda: Patient.objects.filter(
        organisation=Number("organisation"),
        pk=Number("patient"),
    )
)


def patient_by_id(*, organisation: Organisation, patient_id: int) -> Patient | None:
    """Return a patient of the practice, whatever is to be known of them."""
    found: Patient | None = PATIENT.first(organisation=organisation.pk, patient=patient_id)
    return found


def known_patients(*, organisation: Organisation, now: datetime) -> QuerySet[Patient]:
    """Patients who are registered today, alive and not flagged sensitive, verified or not."""
    today = clock.today(now)
    return Patient.objects.filter(
        Q(registration_end__isnull=True) | Q(registration_end__gte=today),
        organisation=organisation,
        active=True,
        sensitive=False,
        deceased_at__isnull=True,
    )


def visible_patients(*, organisation: Organisation, now: datetime) -> QuerySet[Patient]:
    """Patients whom others may see: known ones with a verified NHS number (PAT-011)."""
    return known_patients(organisation=organisation, now=now).filter(
        nhs_number_verification=VERIFIED
    )
