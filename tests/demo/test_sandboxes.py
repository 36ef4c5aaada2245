"""A supplier's sandbox: the same to them after each reset, and nobody else's is touched."""

import subprocess
from collections import Counter
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from demo import sandboxes
from fhirapi import jwt
from practice import clock
from practice.exceptions import FilesRefused, SandboxRefused
from practice.models import (
    AccessProfile,
    Appointment,
    AuditEvent,
    Location,
    Patient,
    Practitioner,
    PractitionerRole,
    SandboxExchange,
    Schedule,
    Slot,
)
from practice.reads import diary_check
from practice.reads import sandboxes as reads
from practice.services import sandboxes as service
from practice.services.audit.recording import Actor
from workbench.bodies import registration_body
from workbench.consumer import Consumer, as_dict
from workbench.factories import make_organisation

pytestmark = pytest.mark.django_db

OPERATOR = Actor(door="command", name="operator")
CODES = {"supplier_ods_code": "Z1Z1Z", "organisation_type": "gp-practice"}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Fewer people and days, as each is made anew in each of these tests."""
    for name, number in (("USUAL", 4), ("WEEKS", 2), ("BOOKED", 3)):
        monkeypatch.setattr(sandboxes, name, number)


def made(supplier="Mocksoft", **options):
    return sandboxes.make(supplier, actor=OPERATOR, now=timezone.now(), **options)


def reset(organisation, *, days_later=0):
    now = timezone.now() + timedelta(days=days_later)
    return sandboxes.reset(organisation, actor=OPERATOR, now=now)


def said(*arguments, **options):
    out = StringIO()
    call_command("sandbox", *arguments, stdout=out, **options)
    return out.getvalue()


def known_by(organisation):
    """What a supplier may have written down, with versions."""
    of_it = {"organisation": organisation}
    people = Practitioner.objects.filter(roles__organisation=organisation)
    return {
        "practice": (organisation.pk, organisation.ods_code, organisation.asid),
        "patients": set(Patient.objects.filter(**of_it).values_list("pk", "nhs_number")),
        "places": set(Location.objects.filter(**of_it).values_list("pk", "name")),
        "clinicians": set(people.values_list("pk", "sds_user_id")),
        "page": sandboxes.page_of(organisation),
    }


def rows_of(organisation):
    """Everything of a practice's diary and people, each row whole."""
    of_it = {"organisation": organisation}
    return {
        model.__name__: list(getattr(model, "with_tests", model.objects).filter(**of_it).values())
        for model in (Patient, Location, PractitionerRole, AccessProfile, Schedule, Slot)
        + (Appointment,)
    }


def find_slots(organisation, *, ods_code="A1001", kind="urgent-care", days=14):
    types = "https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1"
    today = clock.today(timezone.now())
    found = Consumer(organisation).search_slots(
        query=[
            ("status", "free"),
            ("start", f"ge{today}"),
            ("end", f"le{today + timedelta(days=days - 1)}"),
            ("_include", "Slot:schedule"),
            ("searchFilter", f"{types}|{kind}"),
            ("searchFilter", f"https://fhir.nhs.uk/Id/ods-organization-code|{ods_code}"),
        ]
    )
    assert found.status_code == 200, found.content
    entries = [entry["resource"] for entry in as_dict(found).get("entry", [])]
    return {each["id"] for each in entries if each["resourceType"] == "Slot"}


# ---------------------------------------------------------------- making and resetting


def test_a_reset_gives_the_same_world_with_a_diary_that_begins_today():
    sandbox = made()
    before = known_by(sandbox)
    patient = Patient.objects.filter(organisation=sandbox, nhs_number="9990001111").get()
    left = Patient.objects.filter(organisation=sandbox, nhs_number="9990002223").get()
    described = Patient.objects.filter(pk__in=(patient.pk, left.pk))
    details = list(described.values())
    booked = Appointment.objects.get(patient__nhs_number="9990000379")
    # What a supplier may bring about: bookings, somebody registered, somebody registered again.
    slot = Slot.objects.filter(organisation=sandbox, gp_connect_bookable=True, status="free")[0]
    Appointment.objects.filter(pk=booked.pk).update(description="Changed")
    Slot.objects.filter(pk=slot.pk).update(status="busy-unavailable")
    Patient.objects.create(
        organisation=sandbox, family_name="Faux", birth_date="1990-09-09", nhs_number="9990026270"
    )
    described.update(active=True, registered_via="gp-connect", registration_type="T")
    described.update(registration_provenance={"author": "x"}, registration_end="2030-01-01")
    patient.addresses.create(use="temp", city="Elsewhere")

    sandbox = reset(sandbox, days_later=3)

    assert known_by(sandbox) == before
    for row, was in zip(described.values(), details, strict=True):
        changed = {name for name, value in row.items() if value != was[name]}
        # Dates that count from today move along, as they do in the demo.
        assert changed <= {"version", "updated_at", "registration_end"}
    assert not patient.addresses.filter(city="Elsewhere").exists()
    today = clock.today(timezone.now()) + timedelta(days=3)
    diary = reads.diary_of(sandbox)
    assert today <= diary.first <= today + timedelta(days=3)
    assert diary.last >= today + timedelta(weeks=sandboxes.WEEKS, days=-3)
    statuses = Counter(Appointment.objects.values_list("status", flat=True))
    assert statuses == {"booked": sandboxes.BOOKED - 1, "cancelled": 1}
    assert not Appointment.objects.filter(description="Changed").exists()
    assert diary_check.check(now=timezone.now()).faults == []


def test_the_same_slots_are_there_for_the_supplier_s_own_codes_after_a_reset():
    sandbox = made(**CODES)
    ours = {"ods_code": "Z1Z1Z", "kind": "gp-practice"}

    first = find_slots(sandbox, **ours)
    others = find_slots(sandbox, ods_code="X9X01", kind="urgent-care")
    sandbox = reset(sandbox)

    assert first > others != set()
    again = find_slots(sandbox, **ours)
    assert len(again) == len(first)
    assert again & first == set()  # slots are new, and an old id leads to no other time


def test_two_suppliers_have_the_same_people_and_share_no_id():
    one, other = made(), made("Another Ltd")

    mine, theirs = known_by(one), known_by(other)
    untouched = rows_of(other)
    reset(one)

    assert {number for _, number in mine["patients"]} == {n for _, n in theirs["patients"]}
    for kind in ("patients", "places", "clinicians"):
        assert not {pk for pk, _ in mine[kind]} & {pk for pk, _ in theirs[kind]}
    assert not {name for _, name in mine["clinicians"]} & {n for _, n in theirs["clinicians"]}
    assert rows_of(other) == untouched


def test_a_real_practice_is_neither_made_nor_reset_nor_removed_as_a_sandbox(practice):
    real = practice.organisation
    for refused in (
        lambda: reset(real),
        lambda: service.remove(real, actor=OPERATOR, now=timezone.now()),
        lambda: service.keep_exchange(real, "x", service.Passed({}, "", {}, "")),
    ):
        with pytest.raises(SandboxRefused):
            refused()
    with pytest.raises(FilesRefused, match="a real practice"):
        made(ods_code=real.ods_code)

    assert Patient.objects.filter(organisation=real).count() == 1
    assert not SandboxExchange.objects.exists()


def test_who_registers_at_a_sandbox_is_looked_up_nowhere_else(settings, consumer):
    """Not in the national record: a supplier may send anybody."""
    settings.DEMOGRAPHICS_BACKEND = "nowhere.at.all"
    sandbox = make_organisation(sandbox_of="Mocksoft")
    body = registration_body(
        "9990026270",
        name=[{"use": "official", "family": "Faux", "given": ["Walt"]}],
        birthDate="1990-09-09",
    )

    registered = Consumer(sandbox).register(body)

    assert registered.status_code == 200, registered.content
    assert Patient.objects.get(organisation=sandbox).family_name == "Faux"


# ---------------------------------------------------------------- the command


def test_the_command_makes_lists_resets_and_removes():
    told = said("Mocksoft", address="https://try.example/")
    sandbox = reads.sandbox_of("Mocksoft")

    for words in (
        f"https://try.example/{sandbox.ods_code}/STU3/1/gpconnect",
        sandbox.asid,
        "9990000379",
        f"https://try.example{sandboxes.page_of(sandbox)}",
    ):
        assert words in told
    assert said("--reset") == f"{sandbox} was reset.\n"
    assert sandboxes.page_of(sandbox) in said("--list")
    said("Mocksoft", "--remove")
    assert "removed" in said("--list")
    assert said("--reset") == ""
    assert not Appointment.objects.exists()
    assert not Patient.objects.exists()
    assert Consumer(sandbox).find_patient("9990000379").status_code == 403
    events = AuditEvent.objects.filter(event__startswith="sandbox.").order_by("pk")
    assert [each.event for each in events] == ["sandbox.made", "sandbox.reset", "sandbox.removed"]

    said("Mocksoft")

    again = reads.sandbox_of("Mocksoft")
    assert again == sandbox
    assert again.gp_connect_enabled
    assert Patient.objects.filter(organisation=again).exists()


@pytest.mark.parametrize("arguments", [("Nobody", "--reset"), ("Nobody", "--remove"), ()])
def test_what_the_command_cannot_do_it_says(arguments):
    with pytest.raises(CommandError) as refused:
        said(*arguments)

    assert refused.value.returncode == 2


def test_one_that_cannot_be_reset_keeps_no_other_from_it(monkeypatch):
    for supplier in ("Acme", "Mocksoft"):
        make_organisation(sandbox_of=supplier)
    was_reset = []

    def fail_once(organisation, **options):
        if organisation.sandbox_of == "Acme":
            raise RuntimeError("broken")
        was_reset.append(organisation.sandbox_of)

    monkeypatch.setattr(sandboxes, "reset", fail_once)
    with pytest.raises(CommandError, match="Acme") as refused:
        said("--reset")

    assert refused.value.returncode == 1
    assert was_reset == ["Mocksoft"]


def test_the_command_that_is_printed_makes_a_token_that_is_accepted():
    """In any shell, whatever a supplier is called."""
    sandbox = make_organisation(sandbox_of="""O'Hara "&" $Söhne""")
    command = sandboxes.token_command(sandbox, "https://x.example")

    token = subprocess.run(["sh", "-c", command], capture_output=True, check=True, text=True)

    requester = jwt.check(f"Bearer {token.stdout}", now=timezone.now())
    assert requester.organisation_name == sandbox.sandbox_of
    assert requester.ods_code == "A1001"
