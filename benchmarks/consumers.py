"""What consumers' systems send: tokens, headers and bookings, as the bytes of HTTP requests."""

import base64
import json
import time
from datetime import date, datetime
from typing import Any

PREFIX = "urn:nhs:names:services:gpconnect:fhir:rest:"
# The interaction and the scope of the token, by our short names.
IDS = {
    "search": ("search:slot-1", "organization/*.read"),
    "book": ("create:appointment-1", "patient/*.write"),
    "read": ("read:appointment-1", "patient/*.read"),
    "retrieve": ("search:patient_appointments-1", "patient/*.read"),
    "find": ("search:patient-1", "patient/*.read"),
    "read patient": ("read:patient-1", "patient/*.read"),
    "amend": ("update:appointment-1", "patient/*.write"),
    "cancel": ("cancel:appointment-1", "patient/*.write"),
}
JSON, XML = "application/fhir+json;charset=utf-8", "application/fhir+xml;charset=utf-8"
ODS_CODE = "https://fhir.nhs.uk/Id/ods-organization-code"
STRUCTURES = "https://fhir.nhs.uk/STU3/StructureDefinition"
ORGANISATION_TYPES = "https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1"
INCLUDES = (
    "_include=Slot%3Aschedule&_include%3Arecurse=Schedule%3Aactor%3APractitioner"
    "&_include%3Arecurse=Schedule%3Aactor%3ALocation"
    "&_include%3Arecurse=Location%3AmanagingOrganization"
)
TOKEN_SECONDS = 120  # they live for five minutes


def service_root(ods_code: str) -> str:
    return f"/{ods_code}/STU3/1/gpconnect"


class Systems:
    """The systems of ``number`` organisations that ask a server called ``host``."""

    def __init__(self, host: str, number: int = 50) -> None:
        self.host, self.number = host, number
        self.tokens: dict[tuple[int, str], tuple[float, str]] = {}
        self.traced = 0

    def request(
        self,
        name: str,
        path: str,
        *,
        asid: str,
        system: int,
        verb: str = "GET",
        body: Any = None,
        etag: str = "",
        accept: str = JSON,
        token: str = "",
    ) -> bytes:
        """The bytes of a request of one of IDS, sent by one of the systems to a practice's ASID.

        ``token`` stands in the place of one that is in order.
        """
        interaction, scope = IDS[name]
        self.traced += 1
        lines = [
            f"{verb} {path} HTTP/1.1",
            f"Host: {self.host}",
            f"Ssp-TraceID: load-{self.traced}",
            f"Ssp-From: 2{system:011}",
            f"Ssp-To: {asid}",
            f"Ssp-InteractionID: {PREFIX}{interaction}",
            f"Authorization: Bearer {token or self.token(system, scope)}",
            f"Accept: {accept}",
        ]
        if etag:
            lines.append(f"If-Match: {etag}")
        sent = b"" if body is None else json.dumps(body).encode()
        if sent:
            lines.append(f"Content-Type: {JSON}")
            lines.append(f"Content-Length: {len(sent)}")
        return "\r\n".join([*lines, "", ""]).encode() + sent

    def token(self, system: int, scope: str) -> str:
        """A token made lately."""
        made, token = self.tokens.get((system, scope), (0.0, ""))
        now = time.time()
        if now - made < TOKEN_SECONDS:
            return token
        token = self.token_made(system, scope, int(now))
        self.tokens[system, scope] = now, token
        return token

    def token_made(self, system: int, scope: str, at: int) -> str:
        """One that was made then: it has expired if that is more than five minutes ago."""
        parts = ({"alg": "none", "typ": "JWT"}, self.claims(system, scope, at))
        encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts]
        return b".".join([*encoded, b""]).decode()

    def claims(self, system: int, scope: str, now: int) -> dict[str, Any]:
        return {
            "iss": "https://consumer.example/",
            "sub": "10019",
            "aud": f"https://{self.host}",
            "exp": now + 300,
            "iat": now,
            "reason_for_request": "directcare",
            "requested_scope": scope,
            "requesting_device": {
                "resourceType": "Device",
                "identifier": [{"system": "https://consumer.example/device", "value": "1"}],
                "model": "Consumer product",
                "version": "5.3.0",
            },
            "requesting_organization": {
                "resourceType": "Organization",
                "identifier": [{"system": ODS_CODE, "value": f"A1{system:03}"}],
                "name": f"Test Hospital {system}",
            },
            "requesting_practitioner": {
                "resourceType": "Practitioner",
                "id": "10019",
                "identifier": [
                    {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "111222333444"},
                    {"system": "https://fhir.nhs.uk/Id/sds-role-profile-id", "value": "4445556667"},
                ],
                "name": [{"family": "Jones", "given": ["Claire"], "prefix": ["Dr"]}],
            },
        }


def search(ods_code: str, first: date, last: date) -> str:
    """The path of a search for all that a practice offers on these days."""
    return (
        f"{service_root(ods_code)}/Slot?status=free&start=ge{first}&end=le{last}&{INCLUDES}"
        f"&searchFilter={ORGANISATION_TYPES}%7Curgent-care"
    )


def booking(
    *, slot: int | str, start: str, end: str, patient: int, location: int
) -> dict[str, Any]:
    """The Appointment that books a slot; ``start`` and ``end`` are its times in UK local form."""
    organisation = {
        "resourceType": "Organization",
        "id": "1",
        "meta": {"profile": [f"{STRUCTURES}/CareConnect-GPC-Organization-1"]},
        "identifier": [{"system": ODS_CODE, "value": "A1001"}],
        "type": [{"coding": [{"system": ORGANISATION_TYPES, "code": "urgent-care"}]}],
        "name": "Test Hospital",
        "telecom": [{"system": "phone", "value": "0113 496 0005"}],
    }
    return {
        "resourceType": "Appointment",
        "meta": {"profile": [f"{STRUCTURES}/GPConnect-Appointment-1"]},
        "contained": [organisation],
        "extension": [
            {
                "url": f"{STRUCTURES}/Extension-GPConnect-BookingOrganisation-1",
                "valueReference": {"reference": "#1"},
            }
        ],
        "status": "booked",
        "description": "Sore throat for five days.",
        "start": start,
        "end": end,
        "slot": [{"reference": f"Slot/{slot}"}],
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "comment": "Hard of hearing.",
        "participant": [
            {"actor": {"reference": each}, "status": "accepted"}
            for each in (f"Patient/{patient}", f"Location/{location}")
        ],
    }


def amended(held: dict[str, Any], description: str) -> dict[str, Any]:
    """An appointment as it was received, sent back with another description."""
    return {**held, "description": description}


def cancelled(held: dict[str, Any]) -> dict[str, Any]:
    """An appointment as it was received, sent back to cancel it."""
    reason = f"{STRUCTURES}/Extension-GPConnect-AppointmentCancellationReason-1"
    extension = {"url": reason, "valueString": "No longer needed."}
    return {**held, "status": "cancelled", "extension": [*held["extension"], extension]}


def appointments(ods_code: str, patient: int, first: date, last: date) -> str:
    """The path that retrieves a patient's appointments of these days."""
    span = f"start=ge{first}&start=le{last}"
    return f"{service_root(ods_code)}/Patient/{patient}/Appointment?{span}"
