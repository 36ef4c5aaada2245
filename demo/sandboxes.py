"""A supplier's sandbox, made of the demo's first practice: what it is described as, and its words.

What a supplier writes down stays the same over resets: the address, the ASID, NHS numbers and ids.
Two sandboxes have the same people under the same NHS numbers, and ids of their own.
"""

import hashlib
import json
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from demo import bookings, consumer
from fhirapi import ssp
from fhirapi.resources.common import NHS_NUMBER
from practice import clock
from practice.models import Organisation, Patient, Slot
from practice.practice_file import PATIENT, ListOf
from practice.reads import sandboxes as reads
from practice.reads.patients import VERIFIED, why_nobody_books_for
from practice.reads.sandbox_examples import NEWCOMERS
from practice.services import sandboxes
from practice.services.appointments.booking import book_appointment
from practice.services.audit.recording import Actor
from practice.services.sandboxes import Described

SOURCE = settings.BASE_DIR / "demo" / "samplebrook.yaml"
WEEKS = 4
USUAL = 10  # patients with whom nothing is special; of the others all are there
SPECIAL = {"sensitive", "deceased_at", "active", "registration_end"}
BOOKED = 6  # patients with an appointment; the first of them had it cancelled
SUPPLIER = "The supplier"  # an access profile, and what remembers the codes over a reset
OF_SUPPLIER = ("Mockshire Hub", "111, three a session")  # profiles that become the supplier's
OF_TYPE = "Urgent care"
SIGNER = Signer(sep=".", salt="demo.sandboxes")


# ---------------------------------------------------------------- making and resetting


def make(
    supplier: str,
    *,
    ods_code: str = "",
    supplier_ods_code: str = "",
    organisation_type: str = "",
    actor: Actor,
    now: datetime,
) -> Organisation:
    """Make a supplier's sandbox, or reset the one that there is, with codes for its profiles.

    ``ods_code``: of the sandbox, usually made of the name. Codes that are not said stay what they
    are, or are the demo's. Raises FilesRefused.
    """
    here = reads.sandbox_of(supplier)
    known = codes_of(here)
    found = described(
        supplier,
        ods_code=here.ods_code if here else ods_code.upper() or ods_code_of(supplier),
        supplier_ods_code=supplier_ods_code.upper() or known[0],
        organisation_type=organisation_type or known[1],
    )
    return sandboxes.make(found, actor=actor, now=now)


def reset(organisation: Organisation, *, actor: Actor, now: datetime) -> Organisation:
    """Make a sandbox what it was made as, with a diary that begins today. Raises SandboxRefused."""
    known = codes_of(organisation)
    found = described(
        organisation.sandbox_of,
        ods_code=organisation.ods_code,
        supplier_ods_code=known[0],
        organisation_type=known[1],
    )
    return sandboxes.reset(organisation, found, actor=actor, now=now)


def codes_of(organisation: Organisation | None) -> tuple[str, str]:
    """The ODS code and the organisation type that a supplier's system sends."""
    profile = organisation and reads.profile_named(SUPPLIER, organisation=organisation)
    if not profile:
        return consumer.CONSUMER_ODS_CODE, consumer.CONSUMER_TYPE
    return profile.ods_codes[0], profile.organisation_types[0]


def ods_code_of(supplier: str) -> str:
    """The code of a supplier's sandbox, the same wherever it is made; no real one begins so."""
    return f"SBX{hashlib.sha256(supplier.encode()).hexdigest()[:5].upper()}"


def described(
    supplier: str, *, ods_code: str, supplier_ods_code: str, organisation_type: str
) -> Described:
    """The demo's practice as a supplier's own: other codes, and all that patients may have said."""
    text = Path(SOURCE).read_text(encoding="utf-8")
    text = re.sub(r"\b([GP]T?)99100(\d\d)\b", rf"{ods_code}\1\2", text)  # people of its own
    file: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 # nosec B506 - texts alone
    file["practice"] |= {
        "ods_code": ods_code,
        "name": f"Sandbox Surgery of {supplier}",
        "asid": f"2999{int(hashlib.sha256(ods_code.encode()).hexdigest(), 16) % 10**8:08}",
        "party_key": f"{ods_code}-9900001",
    }
    file["staff"] = []
    file["closures"] = []
    kept = [each for each in file["access_profiles"] if each["name"] not in OF_SUPPLIER]
    for profile in kept:
        if profile["name"] == OF_TYPE:
            profile["organisation_types"] = [organisation_type]
    theirs = {
        "name": SUPPLIER,
        "ods_codes": [supplier_ods_code],
        "organisation_types": [organisation_type],
    }
    file["access_profiles"] = [theirs, *kept]
    for template in file["templates"]:
        for part in (template, *template["blocks"]):
            if part.get("access_profile") in OF_SUPPLIER:
                part["access_profile"] = SUPPLIER
    others = [patient for patient in file["patients"] if not SPECIAL & patient.keys()]
    left_out = [patient["nhs_number"] for patient in others[USUAL:]]
    patients = [each for each in file["patients"] if each["nhs_number"] not in left_out]
    said: dict[str, Any] = {
        name: [] if isinstance(read, ListOf) else None for name, read in PATIENT.items()
    }
    file["patients"] = [{**said, **patient} for patient in patients]
    return Described(
        supplier=supplier,
        ods_code=ods_code,
        content=yaml.safe_dump(file, allow_unicode=True, sort_keys=False),
        nhs_numbers=frozenset(patient["nhs_number"] for patient in patients),
        weeks=WEEKS,
        book=book_some,
    )


def book_some(organisation: Organisation, now: datetime) -> None:
    """Book the first free slot of each of the next days for somebody; one of these is cancelled."""
    people = [
        patient
        for patient in reads.patients(organisation=organisation)
        if not special(patient, now=now)
    ]
    today = clock.today(now)
    first_of: dict[date, Slot] = {}
    for slot in bookings.free_slots(organisation, today):
        first_of.setdefault(clock.local(slot.start).date(), slot)
    days = sorted(day for day in first_of if day > today)
    for patient, day in zip(people[:BOOKED], days, strict=False):
        booked = book_appointment(
            organisation=organisation,
            patient_id=patient.pk,
            slot_ids=[first_of[day].pk],
            description=bookings.REASONS[0],
            actor=bookings.staff(),
            now=now,
        )
        if patient is people[0]:
            bookings.cancel(organisation, booked, now=now)


def special(patient: Patient, *, now: datetime) -> str:
    """Why others cannot book for somebody; empty: they can."""
    if patient.sensitive:
        return "sensitive: nobody outside ever sees them"
    if patient.nhs_number_verification != VERIFIED:
        return "NHS number not verified yet"
    return why_nobody_books_for(patient, now=now)


# ---------------------------------------------------------------- what a supplier is told


def ticket(organisation: Organisation) -> str:
    """What opens a sandbox's page: nobody can guess it, and it opens no other."""
    return SIGNER.sign(str(organisation.pk))


def opened_by(ticket: str) -> Organisation | None:
    """The sandbox that a ticket opens, if it is one that is in use."""
    try:
        return reads.open_sandbox(int(SIGNER.unsign(ticket)))
    except (BadSignature, ValueError):
        return None


def page_of(organisation: Organisation) -> str:
    """The path of its page."""
    return reverse("sandbox", args=[ticket(organisation)])


def example(organisation: Organisation, address: str) -> str:
    """A shell command that works wherever curl is, and for good: it makes its own token."""
    root = ssp.public_root(organisation.ods_code, address)
    number = next(
        (each.nhs_number for each in reads.patients(organisation=organisation)), NEWCOMERS[0]
    )
    return consumer.curl(
        ssp.FIND_PATIENT,
        organisation=organisation,
        service_root=root,
        token_command=token_command(organisation, root),
        query=[("identifier", f"{NHS_NUMBER}|{number}")],
    )


def token_command(organisation: Organisation, audience: str) -> str:
    """What prints a token in a shell, valid for the next five minutes."""
    claims = consumer.claims(
        scope=ssp.PATIENT_READ,
        audience=audience,
        now=EPOCH,
        ods_code=codes_of(organisation)[0],
        name=organisation.sandbox_of,
    )
    claims |= {"iat": "@NOW@", "exp": "@THEN@"}
    text = json.dumps(claims, separators=(",", ":")).replace("'", "\\u0027")
    text = text.replace('"@NOW@"', "'$now'").replace('"@THEN@"', "'$((now+300))'")
    encoded = f"printf '%s' '{text}' | base64 | tr -d '=\\n' | tr '/+' '_-'"
    return f"now=$(date +%s); printf '%s.%s.' {NO_SIGNATURE} \"$({encoded})\""


NO_SIGNATURE = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"  # a token's first part: alg none
EPOCH = datetime.fromtimestamp(0, tz=clock.LONDON)
