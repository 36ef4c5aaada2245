"""Which practices are hosted here, who works at each, and at which places."""

from django.db.models import CharField, Exists, OuterRef, QuerySet

from practice.db.prepared import Prepared, QueryParameter
from practice.models import Location, Organisation, Practitioner, PractitionerRole, Schedule

PRACTICE_BY_ODS_CODE = Prepared(
    lambda: Organisation.objects.filter(ods_code=QueryParameter("ods_code", CharField()))
)


def practice_by_ods_code(ods_code: str) -> Organisation | None:
    """Return the practice hosted here under exactly this ODS code."""
    found: Organisation | None = PRACTICE_BY_ODS_CODE.first(ods_code=ods_code)
    return found


def practitioners(*, organisation: Organisation) -> QuerySet[Practitioner]:
    """Everybody who works here or once did, or whom a session names (PRAC-011, GEN-025)."""
    theirs = {"organisation": organisation}
    return Practitioner.objects.filter(
        Exists(PractitionerRole.objects.filter(practitioner=OuterRef("pk"), **theirs))
        | Exists(Schedule.objects.filter(session_holder=OuterRef("pk"), **theirs))
    )


def locations(*, organisation: Organisation) -> QuerySet[Location]:
    """The practice's places, closed ones included (LOC-004)."""
    return Location.objects.filter(organisation=organisation)
