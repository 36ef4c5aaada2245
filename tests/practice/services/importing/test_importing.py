"""An import beside what is here: of this practice and of its neighbours, which stay as they are."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.models import (
    Appointment,
    AuditEvent,
    DiaryChange,
    Organisation,
    Patient,
    Practitioner,
    PractitionerRole,
    Schedule,
    Slot,
    SlotType,
)
from practice.reads import diary_check
from tests.fhirapi.exchange.incoming.world import (
    ODS,
    appointment,
    at,
    bundle,
    changed,
    eight,
    imported,
    location,
    organization,
    patient,
    practitioner,
    role,
    schedule,
    slot,
)
from tests.practice.services.dumps.world import dumped, full_practice
from workbench.factories import (
    make_appointment,
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot,
)

pytestmark = pytest.mark.django_db


def faults() -> list[str]:
    return [str(fault) for fault in diary_check.check(now=timezone.now()).faults]


@pytest.fixture
def here() -> Organisation:
    """The practice is there before anything is imported, with a main surgery."""
    organisation = make_organisation(ods_code=ODS)
    make_location(organisation, name="Main surgery")
    return organisation


# ---------------------------------------------------------------- whose it is


def test_neighbours_and_whom_they_share_stay_as_they_are(here, tmp_path):
    """Neither read nor changed: not even the people that both have, under the same numbers."""
    neighbour = full_practice()
    shared = make_practitioner(
        neighbour, sds_user_id="G99000001", family_name="SPECIMEN", prefix="Prof"
    )
    edie = patient()
    number = edie["identifier"][0]["value"]
    make_patient(neighbour, nhs_number=number, family_name="Elsewhere")
    others = list(Organisation.objects.exclude(pk=here.pk))
    before = [dumped(each, tmp_path / f"{each.ods_code}-before") for each in others]
    people = list(Practitioner.objects.order_by("pk").values())

    resources = changed(eight(), "Patient", identifier=edie["identifier"])
    done = imported(tmp_path, bundle(resources))

    assert done.refused == "", done.text
    assert before == [dumped(each, tmp_path / f"{each.ods_code}-after") for each in others]
    assert list(Practitioner.objects.order_by("pk").values()) == people
    assert PractitionerRole.objects.get(organisation=here).practitioner == shared
    assert Schedule.objects.get(organisation=here).session_holder == shared
    assert Patient.objects.get(organisation=here).family_name == "Fauxley"
    assert "Prof" not in done.text
    assert "Elsewhere" not in done.text


def test_a_clinician_who_is_elsewhere_at_that_time_is_told_without_where(here, tmp_path):
    neighbour = make_organisation(name="The Other Surgery")
    shared = make_practitioner(neighbour, sds_user_id="G99000001", family_name="Specimen")
    make_location(neighbour)
    start = clock.day_start(clock.today(timezone.now()) + timedelta(days=7)) + timedelta(hours=9)
    make_schedule(neighbour, session_holder=shared, start=start)

    done = imported(tmp_path, bundle(eight()))

    assert done.refused
    assert "session" in done.reasons
    for private in ("The Other Surgery", neighbour.ods_code):
        assert private not in done.text
    assert not Schedule.objects.filter(organisation=here).exists()


def test_what_belongs_to_another_organisation_is_left_and_counted(here, tmp_path):
    """With all that hangs on it; nothing of it is a problem."""
    theirs = [
        organization(id="they", identifier=[
            {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Z99002"}]),
        location(id="there", name="There", managingOrganization={"reference": "Organization/they"}),
        patient(id="theirs", managingOrganization={"reference": "Organization/they"}),
        role(id="their-role", organization={"reference": "Organization/they"}),
        schedule(id="their-session", actor=[{"reference": "Location/there"}]),
        slot(5, schedule={"reference": "Schedule/their-session"}),
        appointment(5, participant=[
            {"actor": {"reference": "Patient/theirs"}, "status": "accepted"}]),
        practitioner(id="nobody", identifier=[{"system": "https://x.example", "value": "1"}]),
    ]  # fmt: skip

    done = imported(tmp_path, bundle([*eight(), *theirs]))

    assert done.refused == "", done.text
    left = {kind: sum(reasons.values()) for kind, reasons in done.report["left"].items()}
    kinds = {each["resourceType"] for each in theirs}
    assert left == dict.fromkeys(kinds, 1)
    assert Patient.objects.filter(organisation=here).count() == 1
    assert Practitioner.objects.count() == 1


# ---------------------------------------------------------------- what is here already


def test_what_is_here_is_found_and_stays(here, tmp_path):
    """By its number, its name or its times; what the files say of it otherwise is not taken."""
    edie = patient()
    number = edie["identifier"][0]["value"]
    known = make_patient(here, nhs_number=number, birth_date="1980-02-29", family_name="Known")
    ada = make_practitioner(here, sds_user_id="G99000001", family_name="Specimen", role="R0260")
    start = clock.day_start(clock.today(timezone.now()) + timedelta(days=7)) + timedelta(hours=9)
    session = make_schedule(
        here, session_holder=ada, start=start, end=start + timedelta(hours=1),
        location=here.locations.get(), session_name="As it was",
    )  # fmt: skip
    free = make_slot(session, start=start, end=start + timedelta(minutes=10))
    version = free.version

    resources = changed(eight(), "Patient", identifier=edie["identifier"])
    if at(9) != start.isoformat():  # in summer the clocks differ; the times of the files are UTC
        pytest.skip("the session of the test is in winter time")
    done = imported(tmp_path, bundle(resources))

    assert done.refused == "", done.text
    assert done.report["made"] == {"Slot": 1, "Appointment": 1}
    known.refresh_from_db()
    session.refresh_from_db()
    free.refresh_from_db()
    assert (known.family_name, session.session_name) == ("Known", "As it was")
    assert (free.status, free.version) == ("busy", version + 1)
    assert Appointment.objects.get().patient == known
    assert faults() == []


def test_what_was_done_since_the_import_stays(tmp_path):
    """The same file again, after somebody came and somebody married."""
    file = bundle(eight())
    imported(tmp_path, file)
    practice = Organisation.objects.get()
    Patient.objects.update(family_name="Married")
    Appointment.objects.update(comment="Called twice")

    done = imported(tmp_path, file)

    assert (done.refused, done.report["made"]) == ("", {})
    assert Patient.objects.get(organisation=practice).family_name == "Married"
    assert Appointment.objects.get().comment == "Called twice"


def test_more_of_the_same_system_is_added(tmp_path):
    """A slot and an appointment in a session that came before, of a patient who did."""
    imported(tmp_path, bundle(eight()))

    done = imported(
        tmp_path,
        bundle([organization(), location(), practitioner(), role(), schedule(), slot(2)]),
        bundle([appointment(2)]),
    )

    assert done.refused == "", done.text
    assert done.report["made"] == {"Slot": 1, "Appointment": 1}
    assert Appointment.objects.count() == 2
    assert faults() == []


def test_another_patient_under_the_same_id_is_refused_unless_another_system_is_named(tmp_path):
    imported(tmp_path, bundle(eight()))
    other = bundle(
        [organization(), location(), practitioner(), role(), patient(None, birthDate="1999-01-01")]
    )

    refused = imported(tmp_path, other)
    taken = imported(tmp_path, other, source="the old system")

    assert "another one was imported before under this name" in refused.reasons
    assert taken.refused == "", taken.text
    assert Patient.objects.count() == 2


def test_a_slot_that_is_taken_here_is_refused(tmp_path):
    imported(tmp_path, bundle(changed(eight()[1:], "Slot", status="free")))
    practice = Organisation.objects.get()
    make_appointment([Slot.objects.earliest("start")], make_patient(practice), door="staff")

    done = imported(tmp_path, bundle(eight()))

    assert (
        "slot booked once" in done.reasons
        or "not unique" in done.reasons
        or ("practice appointmentslot" in done.reasons)
    ), done.reasons
    assert Appointment.objects.count() == 1


# ---------------------------------------------------------------- what comes of it


def test_imported_slots_are_offered_to_nobody_outside(here, tmp_path):
    imported(tmp_path, bundle(eight()))

    free = Slot.objects.get(status="free")
    assert not free.gp_connect_bookable


def test_the_trail_says_what_came_and_staff_go_on_with_it(tmp_path):
    imported(tmp_path, bundle(eight()))

    practice, booked = Organisation.objects.get(), Appointment.objects.get()
    event = AuditEvent.objects.get(event="practice.imported")
    assert (event.organisation, event.door) == (practice, "command")
    assert event.detail["made"]["Appointment"] == 1
    assert AuditEvent.objects.filter(resource=f"Appointment/{booked.pk}").exists()
    assert not DiaryChange.objects.exists()  # nobody has a page of it open


def test_a_dry_run_says_the_same_and_changes_nothing(tmp_path):
    dry = imported(tmp_path, bundle(eight()), dry_run=True)

    assert dry.refused == ""
    assert dry.report["imported"] is False
    assert not Organisation.objects.exists()
    assert not AuditEvent.objects.exists()
    real = imported(tmp_path, bundle(eight()))
    assert real.report["made"] == dry.report["made"]


STATES = {
    "proposed": "busy", "pending": "busy", "arrived": "busy", "fulfilled": "busy",
    "noshow": "busy", "cancelled": "free", "entered-in-error": "free",
}  # fmt: skip


@pytest.mark.parametrize("status", STATES)
def test_appointments_of_every_status_are_taken(status, tmp_path):
    resources = changed(changed(eight(), "Appointment", status=status), "Slot", status="free")

    done = imported(tmp_path, bundle(resources))

    assert done.refused == "", done.text
    assert Appointment.objects.get().status == status
    assert Slot.objects.earliest("start").status == STATES[status]
    assert faults() == []


def test_a_schedule_of_many_days_is_a_session_for_each(tmp_path):
    """As other systems have them: a person's whole year, of which only some days have slots."""
    year = {"start": at(0, days=1), "end": at(0, days=300)}
    days = [
        slot(number, start=at(9 + number / 6, days=day), end=at(9 + (number + 1) / 6, days=day),
             id=f"slot-{day}-{number}")
        for day in (7, 8, 20) for number in (0, 1)
    ]  # fmt: skip
    resources = [each for each in changed(eight(), "Schedule", planningHorizon=year)
                 if each["resourceType"] not in ("Slot", "Appointment")]  # fmt: skip

    file = bundle([*resources, *days])
    done = imported(tmp_path, file)

    assert done.refused == "", done.text
    assert [each.slots.count() for each in Schedule.objects.order_by("date")] == [2, 2, 2]
    again = imported(tmp_path, file)
    assert (again.refused, again.report["made"]) == ("", {})


def test_the_words_of_slots_are_types_that_the_practice_can_map(tmp_path):
    imported(tmp_path, bundle(eight()))

    assert [each.name for each in SlotType.objects.all()] == ["Routine"]


def test_a_slot_that_is_busy_by_itself_is_blocked(tmp_path):
    resources = [each for each in eight() if each["resourceType"] != "Appointment"]

    done = imported(tmp_path, bundle(resources))

    assert done.refused == "", done.text
    assert Slot.objects.earliest("start").status == "busy-unavailable"
    assert any("is blocked now" in note for note in done.report["notes"])
