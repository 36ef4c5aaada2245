"""Proving who a patient is, and registering one for a time."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from practice.exceptions import (
    AlreadyRegistered,
    DemographicsNotConfirmed,
    DemographicsUnavailable,
    NHSNumberRefused,
)
from practice.models import AuditEvent, Patient
from practice.services.registration import register_patient, verify_patient
from workbench.factories import make_actor, make_organisation, make_patient

NOW = datetime(2026, 6, 1, 22, 30, tzinfo=UTC)  # 23:30 in London, still the first of June
TODAY = date(2026, 6, 1)
EXPIRY = TODAY + timedelta(days=90)


def register(practice, nhs_number, *, now=NOW, **overrides) -> Patient:
    arguments = {
        "organisation": practice.organisation,
        "nhs_number": nhs_number,
        "prefix": "",
        "given_names": "Jane",
        "family_name": "Jackson",
        "birth_date": date(1952, 5, 31),
        "gender": "",
        "addresses": [],
        "telecoms": [],
        "language": None,
        "actor": make_actor(interaction="urn:register", trace_id="t-1"),
    }
    return register_patient(**{**arguments, **overrides}, now=now)


def verify(practice, patient, now=NOW) -> bool:
    return verify_patient(
        organisation=practice.organisation,
        nhs_number=patient.nhs_number,
        actor=make_actor(),
        now=now,
    )


# ---------------------------------------------------------------- verifying


@pytest.mark.req("PAT-012", "PAT-046")
def test_a_confirmed_patient_is_marked_verified_and_the_trail_knows(practice, national_record):
    patient = make_patient(nhs_number_verification="02")
    national_record.add_patient(patient)

    assert verify(practice, patient) is True

    patient.refresh_from_db()
    assert (patient.nhs_number_verification, patient.version) == ("01", 2)
    event = AuditEvent.objects.get()
    assert (event.event, event.outcome, event.patient_id) == ("verify-patient", "ok", patient.pk)
    assert event.detail["nhs_number_verification"] == ["02", "01"]


@pytest.mark.req("PAT-041", "PAT-042", "PAT-043", "PAT-044", "PAT-045", "PAT-046")
@pytest.mark.parametrize(
    "national",
    [
        None,
        {"birth_date": "1981-03-28"},
        {"birth_date": "1980-02-28", "family_name": "Other"},
        {"flags": ["deceased"]},
        {"flags": ["superseded"]},
        {"flags": ["invalid"]},
    ],
    ids=["not found", "date of birth", "name", "deceased", "superseded", "invalid"],
)
def test_a_patient_who_is_not_confirmed_stays_unverified(practice, national_record, national):
    patient = make_patient(nhs_number_verification="03")
    if national is not None:
        national_record.add_patient(patient, **national)

    assert verify(practice, patient) is False

    patient.refresh_from_db()
    assert (patient.nhs_number_verification, patient.version) == ("03", 1)
    assert not AuditEvent.objects.exists()


@pytest.mark.req("PAT-024", "PAT-045")
def test_the_sensitive_flag_of_the_national_record_is_kept(practice, national_record):
    patient = make_patient(nhs_number_verification="02")
    national_record.add_patient(patient, flags=["sensitive"])

    assert verify(practice, patient) is False

    patient.refresh_from_db()
    assert (patient.sensitive, patient.nhs_number_verification) == (True, "02")
    assert AuditEvent.objects.get().outcome == "refused"


@pytest.mark.req("PAT-013", "PAT-014", "PAT-020")
@pytest.mark.parametrize(
    "state",
    [
        {"nhs_number_verification": "01"},
        {"active": False},
        {"deceased_at": TODAY},
        {"sensitive": True},
        {"registration_end": TODAY - timedelta(days=1)},
    ],
    ids=["verified", "inactive", "deceased", "sensitive", "lapsed"],
)
def test_the_national_record_is_not_asked_without_need(practice, national_record, state):
    patient = make_patient(**{"nhs_number_verification": "02", **state})
    national_record.vanish()

    assert verify(practice, patient) is False


@pytest.mark.req("PAT-048")
def test_a_national_record_out_of_reach_is_said(practice, national_record):
    patient = make_patient(nhs_number_verification="02")
    national_record.vanish()

    with pytest.raises(DemographicsUnavailable):
        verify(practice, patient)


def test_a_patient_of_another_practice_is_not_verified_here(practice, national_record):
    patient = make_patient(make_organisation(), nhs_number_verification="02")
    national_record.add_patient(patient)

    assert verify(practice, patient) is False

    patient.refresh_from_db()
    assert patient.nhs_number_verification == "02"


# ---------------------------------------------------------------- the decision table


@pytest.mark.req("REG-030", "REG-040", "REG-045", "REG-046", "REG-056", "REG-058")
def test_an_unknown_person_becomes_a_temporary_patient(practice, national_record):
    nhs_number = national_record.add()

    patient = register(practice, nhs_number)

    patient.refresh_from_db()
    assert patient.organisation == practice.organisation
    assert (patient.registration_type, patient.active) == ("T", True)
    assert (patient.registration_start, patient.registration_end) == (TODAY, EXPIRY)
    assert patient.nhs_number_verification == "01"
    assert (patient.registered_via, patient.version) == ("gp-connect", 1)


@pytest.mark.req("REG-056")
def test_the_practice_decides_how_long_a_temporary_registration_lasts(practice, national_record):
    practice.organisation.temporary_registration_days = 14
    nhs_number = national_record.add()

    patient = register(practice, nhs_number)

    assert patient.registration_end == TODAY + timedelta(days=14)


LOCAL_STATES = {
    "not known": None,
    "active": {},
    "active, never verified": {"nhs_number_verification": "02"},
    "inactive": {"active": False},
    "deceased": {"active": False, "deceased_at": date(2020, 1, 1)},
}


@pytest.mark.parametrize("local", LOCAL_STATES.values(), ids=LOCAL_STATES.keys())
@pytest.mark.parametrize(
    ("national", "refusal"),
    [
        pytest.param(
            "unreachable",
            DemographicsUnavailable,
            marks=pytest.mark.req("REG-035"),
            id="unreachable",
        ),
        pytest.param(
            None, DemographicsNotConfirmed, marks=pytest.mark.req("REG-031"), id="not found"
        ),
        pytest.param(
            {"birth_date": "1999-01-01"},
            DemographicsNotConfirmed,
            marks=pytest.mark.req("REG-031"),
            id="not verified",
        ),
        pytest.param(
            {"birth_date": "1999-01-01", "flags": ["invalid"]},
            NHSNumberRefused,
            marks=pytest.mark.req("REG-034", "DEC-069"),
            id="the number comes before the details",
        ),
        pytest.param(
            {"flags": ["invalid"]},
            NHSNumberRefused,
            marks=pytest.mark.req("REG-034"),
            id="invalid",
        ),
        pytest.param(
            {"flags": ["superseded", "deceased"]},
            NHSNumberRefused,
            marks=pytest.mark.req("REG-034"),
            id="superseded comes before deceased",
        ),
        pytest.param(
            {"flags": ["deceased"]},
            DemographicsNotConfirmed,
            marks=pytest.mark.req("REG-032"),
            id="deceased",
        ),
        pytest.param(
            {"flags": ["sensitive"]},
            DemographicsNotConfirmed,
            marks=pytest.mark.req("REG-033", "PAT-023"),
            id="sensitive",
        ),
    ],
)
def test_the_national_record_refuses_whatever_the_practice_holds(
    practice, national_record, national, refusal, local
):
    nhs_number = practice.patient.nhs_number
    Patient.objects.all().delete()
    if isinstance(national, dict):
        national_record.add(nhs_number=nhs_number, **national)
    if local is not None:
        known = {"birth_date": date(1952, 5, 31), "family_name": "Jackson", "given_names": "Jane"}
        make_patient(nhs_number=nhs_number, **known, **local)
    before = list(Patient.objects.values())
    if national == "unreachable":
        national_record.vanish()

    with pytest.raises(refusal):
        register(practice, nhs_number)

    assert list(Patient.objects.values()) == before


@pytest.mark.parametrize(
    ("local", "refusal"),
    [
        pytest.param(
            {"deceased_at": date(2020, 1, 1), "active": False},
            DemographicsNotConfirmed,
            marks=pytest.mark.req("REG-044"),
            id="deceased",
        ),
        pytest.param(
            {"sensitive": True},
            DemographicsNotConfirmed,
            marks=pytest.mark.req("PAT-023"),
            id="sensitive",
        ),
        pytest.param(
            {"nhs_number_verification": "02", "birth_date": date(1999, 1, 1)},
            DemographicsNotConfirmed,
            marks=pytest.mark.req("REG-041"),
            id="never verified, verification fails",
        ),
        pytest.param(
            {"nhs_number_verification": "02", "birth_date": date(1999, 1, 1), "active": False},
            DemographicsNotConfirmed,
            marks=pytest.mark.req("REG-041"),
            id="inactive, never verified, verification fails",
        ),
        pytest.param(
            {"nhs_number_verification": "02"},
            AlreadyRegistered,
            marks=pytest.mark.req("REG-041", "REG-042"),
            id="active, never verified, verification passes",
        ),
        pytest.param({}, AlreadyRegistered, marks=pytest.mark.req("REG-042"), id="active"),
        pytest.param(
            {"registration_type": "T", "registration_end": TODAY},
            AlreadyRegistered,
            marks=pytest.mark.req("REG-042"),
            id="temporary, on its last day",
        ),
        pytest.param(
            {"registration_type": "P"},
            AlreadyRegistered,
            marks=pytest.mark.req("REG-042"),
            id="private",
        ),
    ],
)
def test_the_practice_refuses_whom_it_knows(practice, national_record, local, refusal):
    nhs_number = national_record.add()
    known = {"birth_date": date(1952, 5, 31), "family_name": "Jackson", "given_names": "Jane"}
    make_patient(nhs_number=nhs_number, **{**known, **local})
    before = list(Patient.objects.values())

    with pytest.raises(refusal):
        register(practice, nhs_number)

    assert list(Patient.objects.values()) == before


@pytest.mark.req("REG-043", "REG-047", "REG-046", "REG-075")
@pytest.mark.parametrize(
    "lapsed",
    [{"active": False}, {"registration_type": "T", "registration_end": TODAY - timedelta(days=1)}],
    ids=["left", "a temporary registration that ran out"],
)
def test_a_former_patient_comes_back_under_the_same_id(practice, national_record, lapsed):
    nhs_number = national_record.add()
    former = make_patient(
        nhs_number=nhs_number, preferred_branch=practice.location, version=7, **lapsed
    )
    former.contacts.create(relationship="Mother", family_name="Jackson")

    patient = register(practice, nhs_number, family_name="Jackson-Smith")

    patient.refresh_from_db()
    assert (patient.pk, patient.version) == (former.pk, 8)
    assert (patient.active, patient.registration_type) == (True, "T")
    assert (patient.registration_start, patient.registration_end) == (TODAY, EXPIRY)
    assert patient.family_name == "Jackson-Smith"
    assert patient.preferred_branch == practice.location
    assert patient.contacts.count() == 1


def test_a_registration_elsewhere_does_not_matter(practice, national_record):
    nhs_number = national_record.add()
    elsewhere = make_patient(make_organisation(), nhs_number=nhs_number)

    patient = register(practice, nhs_number)

    assert patient.pk != elsewhere.pk
    assert list(Patient.objects.filter(pk=elsewhere.pk).values("version")) == [{"version": 1}]


# ---------------------------------------------------------------- what is written down


@pytest.mark.req("REG-050")
def test_what_was_left_out_comes_from_the_national_record(practice, national_record):
    lines = ["Flat 2", "1 Withings Lane", "Shadwell", "near Leeds"]
    nhs_number = national_record.add(address={"lines": lines, "postal_code": "LS18 1AE"})

    patient = register(practice, nhs_number)

    assert (patient.prefix, patient.gender) == ("Miss", "female")
    address = patient.addresses.get()
    assert (address.use, address.postal_code, address.end) == ("home", "LS18 1AE", None)
    assert (address.address_line_1, address.address_line_2) == ("Flat 2", "1 Withings Lane")
    assert address.address_line_3 == "Shadwell, near Leeds"
    telecom = patient.telecoms.get()
    assert (telecom.system, telecom.value, telecom.use) == ("phone", "01454 587554", "home")


@pytest.mark.req("REG-050")
def test_what_was_sent_comes_first(practice, national_record):
    nhs_number = national_record.add()

    patient = register(
        practice,
        nhs_number,
        prefix="Dr",
        gender="other",
        birth_date=date(1952, 5, 30),
        addresses=[{"use": "home", "address_line_1": "9 New Street"}],
        telecoms=[{"system": "phone", "value": "07777 111222", "use": "mobile"}],
        language={"language": "cy", "interpreter_required": True},
    )

    assert (patient.prefix, patient.gender) == ("Dr", "other")
    assert patient.birth_date == date(1952, 5, 30)
    assert [each.address_line_1 for each in patient.addresses.all()] == ["9 New Street"]
    assert [each.value for each in patient.telecoms.all()] == ["07777 111222"]
    language = patient.languages.get()
    assert (language.language, language.interpreter_required) == ("cy", True)


def test_without_anything_held_anywhere_the_gender_is_unknown(practice, national_record):
    nhs_number = national_record.add(gender=None, prefix=None, address=None, telephone=None)

    patient = register(practice, nhs_number)

    assert (patient.gender, patient.prefix) == ("unknown", "")
    assert not patient.addresses.exists()
    assert not patient.telecoms.exists()


@pytest.mark.req("REG-051", "REG-055")
def test_details_for_the_time_being_end_with_the_registration(practice, national_record):
    nhs_number = national_record.add()

    patient = register(
        practice,
        nhs_number,
        addresses=[{"use": "temp", "address_line_1": "Seaview Hotel"}],
        telecoms=[{"system": "phone", "value": "01262 496000", "use": "temp"}],
    )

    assert list(patient.addresses.order_by("pk").values_list("use", "end")) == [
        ("temp", EXPIRY),
        ("home", None),
    ]
    assert list(patient.telecoms.order_by("pk").values_list("use", "end")) == [
        ("temp", EXPIRY),
        ("home", None),
    ]


def test_coming_back_replaces_the_like_and_what_was_for_the_time_being(practice, national_record):
    nhs_number = national_record.add()
    former = make_patient(nhs_number=nhs_number, active=False, telephone="0113 496 0003")
    former.addresses.create(use="temp", address_line_1="Seaview Hotel", end=TODAY)
    former.addresses.create(use="work", address_line_1="The Mill")
    former.telecoms.create(system="phone", value="01262 496000", use="temp", end=TODAY)
    former.telecoms.create(system="phone", value="07777 111222", use="mobile")
    former.telecoms.create(system="email", value="jane@example.org", use="home")
    former.languages.create(language="cy", interpreter_required=False)

    patient = register(
        practice,
        nhs_number,
        telecoms=[{"system": "phone", "value": "0113 496 0009", "use": "home"}],
        language={"language": "cy", "interpreter_required": True},
    )

    assert set(patient.addresses.values_list("use", "address_line_1")) == {
        ("work", "The Mill"),
        ("home", "1 Withings Lane"),
    }
    assert sorted(patient.telecoms.values_list("system", "use", "value")) == [
        ("email", "home", "jane@example.org"),
        ("phone", "home", "0113 496 0009"),
        ("phone", "mobile", "07777 111222"),
    ]
    assert patient.languages.get().interpreter_required is True


@pytest.mark.req("REG-057")
def test_the_record_says_who_registered_the_patient_and_what_differs(practice, national_record):
    nhs_number = national_record.add()

    patient = register(practice, nhs_number, birth_date=date(1952, 5, 30), family_name="JACKSON")

    assert patient.registration_provenance == {
        "author": "Miss Jane Handler",
        "user_id": "111222333444",
        "role": "444555666777",
        "organisation": "B00001",
        "device": "CallSystem 1.2",
        "trace_id": "t-1",
        "interaction": "urn:register",
        "recorded": "2026-06-01T22:30:00+00:00",
        "differs_from_national_record": ["birth_date"],
    }


@pytest.mark.req("REG-052", "REG-053", "REG-054")
def test_the_national_record_is_only_ever_read(practice, national_record):
    nhs_number = national_record.add()
    before = national_record.path.read_bytes()

    register(practice, nhs_number, addresses=[{"use": "temp", "address_line_1": "Seaview Hotel"}])

    assert national_record.path.read_bytes() == before


# ---------------------------------------------------------------- rivals


@pytest.mark.race
@pytest.mark.req("REG-048")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [False, True], ids=["to create", "to bring back"])
def test_of_eight_who_register_one_number_one_succeeds(practice, national_record, known):
    nhs_number = national_record.add()
    if known:
        make_patient(nhs_number=nhs_number, active=False)
    outcomes, barrier = [], threading.Barrier(8)

    def rival():
        try:
            barrier.wait(timeout=20)
            register(practice, nhs_number, telecoms=[])
            outcomes.append("registered")
        except Exception as refusal:
            outcomes.append(type(refusal).__name__)
        finally:
            connection.close()

    rivals = [threading.Thread(target=rival) for _ in range(8)]
    for each in rivals:
        each.start()
    for each in rivals:
        each.join(timeout=60)

    assert sorted(outcomes) == ["AlreadyRegistered"] * 7 + ["registered"]
    patient = Patient.objects.get(nhs_number=nhs_number)
    assert patient.version == (2 if known else 1)
    assert (patient.addresses.count(), patient.telecoms.count()) == (1, 1)
