"""Patients from outside: proving who they are, and registering them for a time.

The national record (practice.demographics) is asked and never told. Source: GP Connect, "Find a
patient" and "Register a patient".
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TypedDict

from django.db import transaction

from practice import clock, demographics
from practice.demographics import Demographics
from practice.exceptions import AlreadyRegistered, DemographicsNotConfirmed, NHSNumberRefused
from practice.models import Organisation, Patient, PatientAddress, PatientLanguage, PatientTelecom
from practice.reads.patients import VERIFIED, known_patients
from practice.services.audit.recording import Actor, record_done

TEMPORARY = "T"
VERIFICATION_EVENT = "verify-patient"


# ---------------------------------------------------------------- on finding a patient


def verify_patient(
    *, organisation: Organisation, nhs_number: str, actor: Actor, now: datetime
) -> bool:
    """Verify a registered patient's NHS number if that was never done; tell whether it now is.

    Nothing happens for a patient who is verified already, or not to be shown for another reason.
    That the national record flags somebody as sensitive is kept (PAT-024).
    Raises DemographicsUnavailable. Source: PAT-012, PAT-040 to PAT-048.
    """
    unverified = (
        known_patients(organisation=organisation, now=now)
        .filter(nhs_number=nhs_number)
        .exclude(nhs_number_verification=VERIFIED)
    )
    if not unverified.exists():
        return False
    person = _record_of(nhs_number, organisation)  # outside the transaction: it may wait
    with transaction.atomic():
        patient = unverified.select_for_update(of=("self",), no_key=True).first()
        if patient is None or person is None:
            return False
        verified = person.may_be_shared and _confirms(person, patient)
        if not verified and not person.sensitive:
            return False
        before = patient.nhs_number_verification
        if verified:
            patient.nhs_number_verification = VERIFIED
        patient.sensitive = person.sensitive
        patient.version += 1
        patient.save()
        record_done(
            VERIFICATION_EVENT,
            patient,
            actor=actor,
            now=now,
            outcome="ok" if verified else "refused",
            detail={
                "nhs_number_verification": [before, patient.nhs_number_verification],
                "sensitive": person.sensitive,
            },
        )
    return verified


def _record_of(nhs_number: str, organisation: Organisation) -> Demographics | None:
    """What the national record says of a number; to a sandbox the one where nobody is real."""
    asked = demographics.service(for_sandbox=bool(organisation.sandbox_of))
    return asked.retrieve(nhs_number)


def _confirms(person: Demographics, patient: Patient) -> bool:
    return person.confirms(
        family_name=patient.family_name,
        given_names=patient.given_names,
        birth_date=patient.birth_date,
    )


# ---------------------------------------------------------------- registering


class AddressDetails(TypedDict, total=False):
    """An address as the fields of a PatientAddress; absent is empty."""

    use: str
    type: str
    address_line_1: str
    address_line_2: str
    address_line_3: str
    city: str
    district: str
    postal_code: str
    country: str


class TelecomDetails(TypedDict):
    """A telephone number or e-mail address as the fields of a PatientTelecom."""

    system: str
    value: str
    use: str


class LanguageDetails(TypedDict):
    """A language as the fields of a PatientLanguage."""

    language: str
    interpreter_required: bool | None


@transaction.atomic
def register_patient(
    *,
    organisation: Organisation,
    nhs_number: str,
    prefix: str,
    given_names: str,
    family_name: str,
    birth_date: date,
    gender: str,
    addresses: Sequence[AddressDetails],
    telecoms: Sequence[TelecomDetails],
    language: LanguageDetails | None,
    actor: Actor,
    now: datetime,
) -> Patient:
    """Register a patient for the days that the practice allows, or bring a former one back.

    A former patient keeps the logical id, contacts and preferred branch. What the arguments leave
    empty is taken from the national record; details for the time being end with the registration.
    Raises, in the order of the specification's decision table: DemographicsUnavailable,
    DemographicsNotConfirmed (no such number), NHSNumberRefused, DemographicsNotConfirmed (other
    details, deceased, sensitive), AlreadyRegistered. Source: REG-030 to REG-058, DEC-069.
    """
    person = _record_of(nhs_number, organisation)
    person = check_person(
        person, family_name=family_name, given_names=given_names, birth_date=birth_date
    )
    today = clock.today(now)
    end = today + timedelta(days=organisation.temporary_registration_days)
    details = {
        "nhs_number_verification": VERIFIED,
        "prefix": prefix or person.prefix,
        "given_names": given_names,
        "family_name": family_name,
        "birth_date": birth_date,
        "gender": gender or person.gender or "unknown",
        "active": True,
        "registration_type": TEMPORARY,
        "registration_start": today,
        "registration_end": end,
        "registered_via": Patient.Source.GP_CONNECT,
        "registration_provenance": provenance(
            actor=actor, now=now, differing=differing(person, family_name, given_names, birth_date)
        ),
    }
    patient = _create_or_bring_back(organisation, nhs_number, details, person, today=today)
    _keep_contact_details(
        patient,
        addresses=[*addresses, *_missing_address(person, addresses)],
        telecoms=[*telecoms, *_missing_telephone(person, telecoms)],
        end=end,
    )
    if language:
        patient.languages.filter(language=language["language"]).delete()
        PatientLanguage.objects.create(patient=patient, **language)
    return patient


def _create_or_bring_back(
    organisation: Organisation,
    nhs_number: str,
    details: Mapping[str, object],
    person: Demographics,
    *,
    today: date,
) -> Patient:
    """Store a patient's details, as a new patient or as the next version of a former one.

    Of two who register one number at once, the unique constraint lets one create; the other one
    waits for it, finds an active patient, and is told so (REG-048).
    """
    patient, created = Patient.with_tests.select_for_update(
        of=("self",), no_key=True
    ).get_or_create(organisation=organisation, nhs_number=nhs_number, defaults=details)
    if not created:
        check_may_come_back(patient, person, today=today)
        for name, value in details.items():
            setattr(patient, name, value)
        patient.version += 1
        patient.save()
    return patient


def check_person(
    person: Demographics | None, *, family_name: str, given_names: str, birth_date: date
) -> Demographics:
    """Refuse whom the national record does not confirm; the same words whichever the cause.

    A number that is wrong in itself is refused as such, whatever else was sent (DEC-069).
    """
    if person is None:
        raise DemographicsNotConfirmed
    if person.invalid or person.superseded:
        raise NHSNumberRefused
    if not person.confirms(family_name=family_name, given_names=given_names, birth_date=birth_date):
        raise DemographicsNotConfirmed
    if person.deceased or person.sensitive:
        raise DemographicsNotConfirmed
    return person


def check_may_come_back(patient: Patient, person: Demographics, *, today: date) -> None:
    """Refuse a patient whom the practice knows already, unless their registration has lapsed."""
    if patient.deceased_at is not None or patient.sensitive or patient.rehearsal_id:
        raise DemographicsNotConfirmed
    if patient.nhs_number_verification != VERIFIED and not _confirms(person, patient):
        raise DemographicsNotConfirmed
    has_lapsed = patient.registration_end is not None and patient.registration_end < today
    if patient.active and not has_lapsed:
        raise AlreadyRegistered


def provenance(*, actor: Actor, now: datetime, differing: list[str]) -> dict[str, object]:
    """Who registered the patient, for whom, when and with what (REG-057).

    ``differing`` names what the national record has otherwise, for staff to settle.
    """
    return {
        "author": actor.name,
        "user_id": actor.user_id,
        "role": actor.role,
        "organisation": actor.organisation,
        "device": actor.device,
        "trace_id": actor.trace_id,
        "interaction": actor.interaction,
        "recorded": now.isoformat(),
        "differs_from_national_record": differing,
    }


def differing(
    person: Demographics, family_name: str, given_names: str, birth_date: date
) -> list[str]:
    """Which parts of a person's identity were sent otherwise than the national record has them."""
    sent_and_held = {
        "family_name": (family_name, person.family_name),
        "given_names": (given_names, person.given_names),
        "birth_date": (str(birth_date), str(person.birth_date)),
    }
    return [
        name
        for name, (sent, held) in sent_and_held.items()
        if sent.strip().casefold() != held.strip().casefold()
    ]


# ---------------------------------------------------------------- contact details


def address_lines(lines: Sequence[str]) -> AddressDetails:
    """Any number of address lines as the three that an address has; the third takes the rest."""
    first, second, *rest = (*lines, "", "")
    return AddressDetails(
        address_line_1=first,
        address_line_2=second,
        address_line_3=", ".join(filter(None, rest)),
    )


def _missing_address(person: Demographics, sent: Iterable[AddressDetails]) -> list[AddressDetails]:
    """The home address of the national record, if none was sent (REG-050)."""
    if person.address is None or any(address["use"] == "home" for address in sent):
        return []
    return [
        AddressDetails(
            use="home",
            **address_lines(person.address.lines),
            city=person.address.city,
            district=person.address.district,
            postal_code=person.address.postal_code,
        )
    ]


def _missing_telephone(
    person: Demographics, sent: Iterable[TelecomDetails]
) -> list[TelecomDetails]:
    """The telephone number of the national record, if no lasting one was sent (REG-050)."""
    has_one = any(telecom["system"] == "phone" and telecom["use"] != "temp" for telecom in sent)
    if has_one or not person.telephone:
        return []
    return [TelecomDetails(system="phone", value=person.telephone, use="home")]


def _keep_contact_details(
    patient: Patient,
    *,
    addresses: Sequence[AddressDetails],
    telecoms: Sequence[TelecomDetails],
    end: date,
) -> None:
    """Put what is known now in place of the like; what was for the time being is over."""
    uses = {"temp", *(address["use"] for address in addresses)}
    patient.addresses.filter(use__in=uses).delete()
    PatientAddress.objects.bulk_create(
        PatientAddress(patient=patient, end=_until(address["use"], end), **address)
        for address in addresses
    )
    patient.telecoms.filter(use="temp").delete()
    for telecom in telecoms:
        patient.telecoms.filter(system=telecom["system"], use=telecom["use"]).delete()
    PatientTelecom.objects.bulk_create(
        PatientTelecom(patient=patient, end=_until(telecom["use"], end), **telecom)
        for telecom in telecoms
    )


def _until(use: str, end: date) -> date | None:
    return end if use == "temp" else None
