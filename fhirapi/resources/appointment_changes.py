"""What an amendment or a cancellation may change of an Appointment, and what not.

Both send the whole resource: it is compared with the one that is stored. Source: GP Connect, "Amend
an appointment", "Cancel an appointment".
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from fhirapi.errors import check_resource, refuse_resource
from fhirapi.resources import booking_organisation
from fhirapi.resources.appointment import (
    CANCELLATION_REASON,
    Texts,
    check_form,
    identifiers_of,
    parse_instant,
    texts,
)
from fhirapi.resources.booking_organisation import canonical
from fhirapi.resources.common import Element, extensions
from fhirapi.resources.schedule import PRACTITIONER_ROLE
from fhirapi.resources.slot import DELIVERY_CHANNEL
from practice.models import Appointment


def parse_amendment(body: Element, stored: Element) -> Texts:
    """The new texts; INVALID_RESOURCE when anything else differs from the stored rendering."""
    check_form(body)
    if extensions(body, CANCELLATION_REASON):
        refuse_resource("An amendment has no cancellation reason.")
    check_resource(differences(body, stored))
    if body["status"] != stored["status"]:
        refuse_resource(
            "Appointment.status cannot be amended; a cancellation has its own interaction."
        )
    return texts(body)


def parse_cancellation(body: Element, stored: Element) -> str:
    """The reason; INVALID_RESOURCE when anything but the status and the reason differs."""
    check_form(body)
    if body["status"] != Appointment.Status.CANCELLED:
        refuse_resource("Appointment.status must be cancelled.")
    found = extensions(body, CANCELLATION_REASON)
    # One consumer in the field writes valueId (field notes).
    reason = found[0].get("valueString") or found[0].get("valueId") or "" if found else ""
    if not reason.strip():
        refuse_resource("A cancellation needs the extension with its reason.")
    changed = [
        f"Appointment.{name} cannot be changed by a cancellation."
        for name in ("description", "comment")
        if body.get(name) != stored.get(name)
    ]
    check_resource([*differences(body, stored), *changed])
    return str(reason)


# ---------------------------------------------------------------- has anything else changed?


def differences(body: Element, stored: Element) -> list[str]:
    """What differs from the stored rendering besides status, reason, description and comment.

    Compared by meaning, not by text: instants, sets of references, content (AMEND-032, DEC-062).
    What the provider derives may be left out (AMEND-030). Unknown extensions do not count.
    """
    return [f"Appointment.{name} cannot be changed." for name in changed_elements(body, stored)]


def changed_elements(body: Element, stored: Element) -> Iterator[str]:
    """The names of elements that differ, as far as they may not."""
    for name in ("start", "end", "created"):
        sent = parse_instant(body[name], f"Appointment.{name}") if name in body else None
        if name == "created" and sent:
            sent = sent.replace(microsecond=0)  # as it was stored
        if sent != parse_instant(stored[name], name):
            yield name
    for name, same in (
        ("slot", references(body["slot"]) == references(stored["slot"])),
        ("identifier", pairs(identifiers_of(body)) == pairs(stored.get("identifier", []))),
        ("priority", body.get("priority") == stored.get("priority")),
        ("participant", same_participants(body, stored)),
        ("contained", booking_organisation.is_unchanged(body, stored)),
    ):
        if not same:
            yield name
    for name in ("serviceCategory", "serviceType", "minutesDuration"):
        if name in body and canonical(body[name]) != canonical(stored.get(name)):
            yield name
    for url, meaning in ((PRACTITIONER_ROLE, role_codes), (DELIVERY_CHANNEL, channel_codes)):
        given = extensions(body, url)
        if given and meaning(given) != meaning(extensions(stored, url)):
            yield f"extension ({url})"


def references(elements: Iterable[Element]) -> list[str]:
    """What the elements refer to, in an order of its own."""
    return sorted(element.get("reference") or "" for element in elements)


def pairs(identifiers: Iterable[dict[str, str]]) -> list[tuple[str, str]]:
    """System and value of each identifier, in an order of its own."""
    return sorted((each["system"], each["value"]) for each in identifiers)


def same_participants(body: Element, stored: Element) -> bool:
    """Whether they are the stored ones; the derived practitioner and service may be left out."""
    sent, kept = (
        Counter((p.get("actor", {}).get("reference") or "", p["status"]) for p in participants)
        for participants in (body["participant"], stored["participant"])
    )
    return sent <= kept and all(pair[0].startswith(DERIVED) for pair in kept - sent)


DERIVED = ("Practitioner/", "HealthcareService/")


def role_codes(roles: Iterable[Element]) -> set[tuple[str | None, str | None]]:
    """The codes in extensions of the practitioner role."""
    return {
        (coding.get("system"), coding.get("code"))
        for role in roles
        for coding in role.get("valueCodeableConcept", {}).get("coding", [])
    }


def channel_codes(channels: Iterable[Element]) -> set[str | None]:
    """The codes in extensions of the delivery channel."""
    return {channel.get("valueCode") for channel in channels}
