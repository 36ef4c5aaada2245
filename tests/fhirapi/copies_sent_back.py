"""What consumers send back of an appointment that they received, to amend or to cancel it.

SAME is written in another way and means the same; DIFFERENT must not differ, and does.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from fhirapi.resources import appointment, organization
from workbench.bodies import organisation_type, participant

Change = Callable[[dict[str, Any]], Any]  # of a body, in place

# ---------------------------------------------------------------- the same in another way


def in_utc(text: str, fraction: str = "") -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime(f"%Y-%m-%dT%H:%M:%S{fraction}Z")


def times_in_utc(fraction: str) -> Change:
    return lambda body: body.update(
        {name: in_utc(body[name], fraction) for name in ("start", "end", "created")}
    )


def without_derived(body: dict[str, Any]) -> None:
    """As in the published request."""
    for name in ("serviceCategory", "serviceType", "minutesDuration", "meta"):
        del body[name]
    body["meta"] = {"profile": [appointment.PROFILE]}
    body["extension"] = body["extension"][:1]
    body["participant"] = body["participant"][:2]


def with_another_local_id(body: dict[str, Any]) -> None:
    body["contained"][0]["id"] = "booking-organisation"
    body["extension"][0]["valueReference"]["reference"] = "#booking-organisation"


UNKNOWN = {"url": "https://x.example/extension", "valueString": "ours"}


def extended(*path: str | int, beside: str = "") -> Change:
    """An unknown extension in an element, or beside a primitive member of it."""

    def write(body: dict[str, Any]) -> None:
        place: Any = body
        for step in path:
            place = place[step]
        if beside:
            place[f"_{beside}"] = {"extension": [UNKNOWN]}
        else:
            place["extension"] = [*place.get("extension", []), UNKNOWN]

    return write


EVERYWHERE = (
    extended(),
    extended("serviceType", 0),
    extended("serviceCategory"),
    extended("slot", 0),
    extended("participant", 0),
    extended("participant", 0, "actor"),
    extended("identifier", 0),
    extended("extension", 0, "valueReference"),
    extended("contained", 0),
    extended("contained", 0, "telecom", 0),
    extended("contained", 0, "type", 0, "coding", 0),
    extended("contained", 0, beside="name"),
    extended(beside="priority"),
    extended(beside="start"),
)
SAME: dict[str, Change] = {
    "AMEND-030 without what the provider derives": without_derived,
    "AMEND-030 without the practitioner": lambda body: body["participant"].pop(),
    "AMEND-030 without role and channel": lambda body: body.update(extension=body["extension"][:1]),
    "AMEND-005 another versionId in the body": lambda body: body["meta"].update(versionId="99"),
    "AMEND-005 no versionId in the body": lambda body: body["meta"].pop("versionId"),
    "AMEND-032 Z": times_in_utc(""),
    "AMEND-032 seven digits of a second": times_in_utc(".0000000"),
    "AMEND-032 three digits of a second": times_in_utc(".000"),
    "AMEND-032 participants in another order": lambda body: body["participant"].reverse(),
    "AMEND-032 slots in another order": lambda body: body["slot"].reverse(),
    "AMEND-032 extensions in another order": lambda body: body["extension"].reverse(),
    "AMEND-032 identifiers in another order": lambda body: body["identifier"].reverse(),
    "AMEND-032 contact points in another order": lambda body: body["contained"][0][
        "telecom"
    ].reverse(),
    "AMEND-032 another local id": with_another_local_id,
    "AMEND-033 unknown extension": extended(),
    "AMEND-033 unknown extensions wherever they may stand": lambda body: [
        write(body) for write in EVERYWHERE
    ],
    "AMEND-030 a role without display": lambda body: body["extension"][1]["valueCodeableConcept"][
        "coding"
    ][0].pop("display"),
    "a display in a reference": lambda body: (
        body["slot"][0].update(display="10 o'clock"),
        body["participant"][0]["actor"].update(display="Mrs Edie Patient"),
    ),
    "a version of the contained organisation": lambda body: body["contained"][0]["meta"].update(
        versionId="3"
    ),
}


# ---------------------------------------------------------------- something else


def without(name: str) -> Change:
    return lambda body: body.pop(name)


def having(**elements: Any) -> Change:
    return lambda body: body.update(elements)


def an_hour_later(name: str) -> Change:
    def spoil(body: dict[str, Any]) -> None:
        later = datetime.fromisoformat(body[name]) + timedelta(hours=1)
        body[name] = later.isoformat()

    return spoil


def another_id(path: str) -> Change:
    """The id in the first reference of an element one higher."""

    def spoil(body: dict[str, Any]) -> None:
        number = 0 if path != "practitioner" else -1
        holder = body["slot"][0] if path == "slot" else body["participant"][number]["actor"]
        kind, pk = holder["reference"].split("/")
        holder["reference"] = f"{kind}/{int(pk) + 1}"

    return spoil


def organisation_having(**elements: Any) -> Change:
    return lambda body: body["contained"][0].update(elements)


CODEABLE = {"text": "Something"}

DIFFERENT: dict[str, tuple[Change, str]] = {
    # id and case: (what else differs, words of the diagnostics)
    "AMEND-010 AMEND-047 start": (an_hour_later("start"), "Appointment.start cannot be changed"),
    "AMEND-010 AMEND-047 end": (an_hour_later("end"), "Appointment.end cannot be changed"),
    "AMEND-010 created": (an_hour_later("created"), "Appointment.created cannot be changed"),
    "AMEND-031 no created": (without("created"), "Appointment.created cannot be changed"),
    "AMEND-010 AMEND-047 another slot": (another_id("slot"), "Appointment.slot cannot be changed"),
    "AMEND-031 one slot less": (
        lambda body: body["slot"].pop(),
        "Appointment.slot cannot be changed",
    ),
    "AMEND-010 one slot more": (
        lambda body: body["slot"].append({"reference": "Slot/999999"}),
        "Appointment.slot cannot be changed",
    ),
    "AMEND-010 a slot twice": (
        lambda body: body["slot"].append(body["slot"][0]),
        "Appointment.slot cannot be changed",
    ),
    "AMEND-010 an absolute slot": (
        lambda body: body["slot"][0].update(reference="https://provider.example/Slot/1"),
        "Appointment.slot[0] must hold a relative reference to a Slot",
    ),
    "AMEND-010 another patient": (
        another_id("patient"),
        "Appointment.participant cannot be changed",
    ),
    "AMEND-010 another practitioner": (
        another_id("practitioner"),
        "Appointment.participant cannot be changed",
    ),
    "AMEND-031 no patient": (
        lambda body: body["participant"].pop(0),
        "Appointment.participant cannot be changed",
    ),
    "AMEND-031 no location": (
        lambda body: body["participant"].pop(1),
        "Appointment.participant cannot be changed",
    ),
    "AMEND-010 another participation status": (
        lambda body: body["participant"][0].update(status="declined"),
        "Appointment.participant cannot be changed",
    ),
    "AMEND-010 a participant more": (
        lambda body: body["participant"].append(participant("Practitioner/999999")),
        "Appointment.participant cannot be changed",
    ),
    "AMEND-010 another name of the booking organisation": (
        organisation_having(name="Another Hospital"),
        "Appointment.contained cannot be changed",
    ),
    "AMEND-010 another ODS code": (
        lambda body: body["contained"][0]["identifier"][0].update(value="B2002"),
        "Appointment.contained cannot be changed",
    ),
    "AMEND-010 another type of the booking organisation": (
        organisation_having(type=[organisation_type("gp-practice")]),
        "Appointment.contained cannot be changed",
    ),
    "AMEND-031 no telecom of the booking organisation": (
        lambda body: body["contained"][0].pop("telecom"),
        "Appointment.contained cannot be changed",
    ),
    "AMEND-031 no booking organisation": (
        lambda body: (body.pop("contained"), body.update(extension=body["extension"][1:])),
        "Appointment.contained cannot be changed",
    ),
    "AMEND-031 a dangling booking organisation": (
        without("contained"),
        "must refer to a contained Organization",
    ),
    "AMEND-010 another identifier": (
        lambda body: body["identifier"][0].update(value="9"),
        "Appointment.identifier cannot be changed",
    ),
    "AMEND-031 no identifiers": (
        without("identifier"),
        "Appointment.identifier cannot be changed",
    ),
    "AMEND-010 another priority": (having(priority=1), "Appointment.priority cannot be changed"),
    "AMEND-010 no priority": (without("priority"), "Appointment.priority cannot be changed"),
    "AMEND-030 another service category": (
        having(serviceCategory={"text": "Theirs"}),
        "Appointment.serviceCategory cannot be changed",
    ),
    "AMEND-030 another service type": (
        having(serviceType=[{"text": "Theirs"}]),
        "Appointment.serviceType cannot be changed",
    ),
    "AMEND-030 another duration": (
        having(minutesDuration=99),
        "Appointment.minutesDuration cannot be changed",
    ),
    "AMEND-030 another role": (
        lambda body: body["extension"][1]["valueCodeableConcept"]["coding"][0].update(code="R0600"),
        "cannot be changed",
    ),
    "AMEND-030 another channel": (
        lambda body: body["extension"][2].update(valueCode="Video"),
        "cannot be changed",
    ),
    "AMEND-017 reason": (having(reason=[CODEABLE]), "Appointment.reason must not be sent"),
    "AMEND-017 specialty": (having(specialty=[CODEABLE]), "Appointment.specialty must not be sent"),
    "AMEND-010 appointment type": (
        having(appointmentType=CODEABLE),
        "Appointment.appointmentType must not be sent",
    ),
    "AMEND-002 no profile": (having(meta={"versionId": "1"}), "Appointment.meta.profile"),
    "AMEND-002 another profile": (
        having(meta={"profile": [organization.PROFILE]}),
        "Appointment.meta.profile",
    ),
    "AMEND-033 unknown element": (having(firstName="Edie"), "Appointment.firstName is not"),
    "AMEND-002 no participants": (without("participant"), "Appointment.participant"),
    "AMEND-002 no slots": (without("slot"), "Appointment.slot"),
    "AMEND-002 no start": (without("start"), "Appointment.start"),
    "AMEND-002 no status": (without("status"), "Appointment.status"),
}
