"""The mutants: more than a hundred providers, each of them wrong in one way."""

import base64
import gzip
import json
import time
from datetime import timedelta
from typing import Any

from django.utils import timezone

from consumer import tokens
from consumer.check import codes
from consumer.check.exchange import Answered
from consumer.check.wire import Send
from consumer.interactions import AMEND_APPOINTMENT, CANCEL_APPOINTMENT, READ_METADATA, SEARCH_SLOTS
from consumer.transport import Request
from practice import clock
from practice.models import Organisation
from tests.consumer.check.spoiling import (
    BOOKED,
    CHANGED,
    EVERY,
    METADATA,
    PATIENTS,
    READ,
    RETRIEVED,
    SLOTS,
    Mutant,
    answer,
    asked,
    body,
    cancelled_twice,
    copied,
    entries,
    header,
    inside,
    instead,
    lenient,
    old_searches,
    one_slot_twice,
    only_says_so,
    query,
    refused,
    refused_and_kept,
    request,
    sent_body,
    slots_stay_taken,
    text,
    version_stays,
    without_header,
)
from tests.consumer.check.world import IDENTITY

# ---------------------------------------------------------------- small changes


def drop(*names: str) -> Any:
    """Leave out elements; a.b is b inside of a."""

    def change(resource: dict[str, Any]) -> None:
        for name in names:
            *outer, last = name.split(".")
            found: Any = resource
            for part in outer:
                found = found.get(part, {})
                found = found[0] if isinstance(found, list) and found else found
            if isinstance(found, dict):
                found.pop(last, None)

    return change


def put(**values: Any) -> Any:
    return lambda resource: resource.update(values)


def issue(**values: Any) -> Any:
    """Change every issue of an OperationOutcome; None leaves out."""

    def change(resource: dict[str, Any]) -> None:
        for each in resource.get("issue", []):
            each.update(values)
            for name in [name for name, value in each.items() if value is None]:
                del each[name]

    return change


def coding(**values: Any) -> Any:
    def change(resource: dict[str, Any]) -> None:
        for each in resource.get("issue", []):
            each["details"]["coding"][0].update(values)

    return change


def html(came: Answered) -> Answered:
    return Answered(came.status, {**came.headers, "Content-Type": "text/html"}, b"<h1>Error</h1>")


def any_token(send: Send) -> Send:
    """Does not read the token of requests for the capability statement."""

    def spoilt(sent: Request) -> Answered:
        if sent.header("Ssp-InteractionID") != READ_METADATA.id:
            return send(sent)
        token = tokens.make(IDENTITY, scope=READ_METADATA.scope, audience="https://x.example")
        headers = {**sent.headers, "Authorization": f"Bearer {token}"}
        return send(Request(sent.verb, sent.url, headers, sent.body))

    return spoilt


def any_signature(send: Send) -> Send:
    """Accepts tokens with a signature."""

    def spoilt(sent: Request) -> Answered:
        token = sent.header("Authorization")
        if token.count(".") == 2 and not token.endswith("."):
            headers = {**sent.headers, "Authorization": token.rpartition(".")[0] + "."}
            sent = Request(sent.verb, sent.url, headers, sent.body)
        return send(sent)

    return spoilt


def any_asid(sent: Request) -> Request:
    """With the ASID of the practice addressed, whatever was sent."""
    practice = Organisation.objects.get(ods_code=sent.url.split("/")[3])
    return Request(sent.verb, sent.url, {**sent.headers, "Ssp-To": practice.asid}, sent.body)


def xml_as_json(send: Send) -> Send:
    """Speaks JSON whatever is asked for, and declares XML."""

    def spoilt(sent: Request) -> Answered:
        headers = {**sent.headers, "Accept": "application/fhir+json"}
        return send(Request(sent.verb, sent.url.replace("xml", "json"), headers, sent.body))

    return spoilt


def no_gzip(sent: Request) -> Request:
    headers = {k: v for k, v in sent.headers.items() if k != "Accept-Encoding"}
    return Request(sent.verb, sent.url, headers, sent.body)


def as_405(came: Answered) -> Answered:
    return Answered(405, came.headers, came.body)


def conflict_as_412(came: Answered) -> Answered:
    return Answered(412, came.headers, came.body) if b"FHIR_CONSTRAINT" in came.body else came


def redirected(came: Answered) -> Answered:
    return Answered(301, {**came.headers, "Location": "/metadata/"}, b"")


def cut(name: str, length: int) -> Any:
    def change(resource: dict[str, Any]) -> None:
        if isinstance(resource.get(name), str):
            resource[name] = resource[name][:length]

    return change


def no_organisation(appointment: dict[str, Any]) -> None:
    """Loses who booked."""
    appointment.pop("contained", None)
    appointment["extension"] = [
        each for each in appointment["extension"] if each["url"] != codes.BOOKING_ORGANISATION
    ]


def no_reason(appointment: dict[str, Any]) -> None:
    appointment["extension"] = [
        each for each in appointment["extension"] if each["url"] != codes.CANCELLATION_REASON
    ]


def no_verification(patient: dict[str, Any]) -> None:
    for each in patient["identifier"]:
        each.pop("extension", None)


def other_role_system(schedule: dict[str, Any]) -> None:
    for each in schedule["extension"]:
        each["valueCodeableConcept"]["coding"][0]["system"] = (
            "https://fhir.nhs.uk/STU3/ValueSet/GPConnect-PractitionerRole-1"
        )


def zulu(slot: dict[str, Any]) -> None:
    for name in ("start", "end"):
        slot[name] = slot[name][:-6] + "Z"


def absolute(slot: dict[str, Any]) -> None:
    slot["schedule"]["reference"] = f"https://x.example/{slot['schedule']['reference']}"


def address_list(location: dict[str, Any]) -> None:
    location["address"] = [location["address"]]


def empty_entry(bundle: dict[str, Any]) -> None:
    bundle.setdefault("entry", [])


def with_total(bundle: dict[str, Any]) -> None:
    bundle["total"] = len(bundle.get("entry", []))


def one_only(send: Send) -> Send:
    """Pages its results where _count is sent."""

    def one(bundle: dict[str, Any]) -> None:
        bundle["entry"] = bundle["entry"][:1]

    return body(asked("GET", "_count="), one)(send)


def today_as_end(match: Any) -> str:
    """Another end: what is too long is cut short."""
    return f"end=le{clock.today(timezone.now())}"


def next_week(match: Any) -> str:
    return f"end=le{clock.today(timezone.now()) + timedelta(days=13)}"


def claims(sent: Request) -> dict[str, Any]:
    """The claims of a token."""
    part = sent.header("Authorization").split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def always_packed(came: Answered) -> Answered:
    packed = came.body if came.body[:2] == b"\x1f\x8b" else gzip.compress(came.body)
    return Answered(came.status, {**came.headers, "Content-Encoding": "gzip"}, packed)


def amended_when_cancelled(send: Send) -> Send:
    """Takes amendments of what is cancelled."""

    def spoilt(sent: Request) -> Answered:
        came = send(sent)
        if sent.header("Ssp-InteractionID") == AMEND_APPOINTMENT.id and came.status == 422:
            return Answered(200, came.headers, sent.body)
        return came

    return spoilt


INVALID = ("INVALID_PARAMETER", "invalid")
MALFORMED = ("BAD_REQUEST", "invalid")
FOUND_BY = r"/(Slot|Patient|Organization|Practitioner)\?"
DAY_TO_MIDNIGHT = (r"end=le(\d{4}-\d\d-\d\d)(?=&|$)", r"end=le\1T00%3A00%3A00%2B00%3A00")
LATER_END = (r"end=le(\d{4}-\d\d-\d\d)T\d\d%3A\d\d%3A\d\d%2B0\d%3A00", r"end=le\1")
EARLIER_START = (r"start=ge(\d{4}-\d\d-\d\d)T\d\d%3A\d\d%3A\d\d%2B0\d%3A00", r"start=ge\1")

MUTANTS = (
    # headers
    Mutant("refusals may be cached", "header.cache", header(refused, "Cache-Control", None)),
    Mutant(
        "no charset",
        "header.content-type",
        header(EVERY, "Content-Type", "application/fhir+json"),
    ),
    Mutant("no ETag", "header.etag", header(READ, "ETag", None)),
    Mutant("a strong ETag", "header.etag", header(BOOKED, "ETag", '"1"')),
    Mutant("the ETag of another version", "header.etag", header(PATIENTS, "ETag", 'W/"99"')),
    Mutant("Bundles with an ETag", "header.no-etag", header(SLOTS, "ETag", 'W/"1"')),
    Mutant(
        "Location without the version",
        "header.location",
        answer(
            BOOKED,
            lambda came: Answered(
                came.status,
                {**came.headers, "Location": came.header("Location").split("/_history")[0]},
                came.body,
            ),
        ),
    ),
    Mutant("no Last-Modified", "header.last-modified", header(BOOKED, "Last-Modified", None)),
    Mutant(
        "no Content-Location", "header.content-location", header(READ, "Content-Location", None)
    ),
    Mutant("no TLS only", "header.hsts", header(EVERY, "Strict-Transport-Security", None)),
    Mutant("a redirect", "header.no-redirect", answer(METADATA, redirected)),
    Mutant("no gzip", "format.gzip", request(no_gzip)),
    Mutant("no words for the token", "header.bearer", header(refused, "WWW-Authenticate", None)),
    # the capability statement
    Mutant("version 1.2.6", "capability.version", body(METADATA, put(version="1.2.6"))),
    Mutant("a profile is missing", "capability.profiles", body(METADATA, drop("profile"))),
    Mutant(
        "STU3 of another year", "capability.mandatory", body(METADATA, put(fhirVersion="3.0.2"))
    ),
    Mutant(
        "a placeholder",
        "capability.mandatory",
        body(METADATA, put(publisher="[Supplier name]")),
    ),
    Mutant(
        "no parameters declared",
        "capability.searches",
        text(METADATA, '"searchFilter"', '"filter"'),
    ),
    Mutant("updates create", "capability.interactions", text(METADATA, "false", "true")),
    Mutant(
        "no operation", "capability.operation", text(METADATA, "gpc.registerpatient", "register")
    ),
    Mutant(
        "XML not declared",
        "capability.formats",
        body(METADATA, put(format=["application/fhir+json"])),
    ),
    # formats
    Mutant("JSON for XML", "format.accept format.parameter format.content-type", xml_as_json),
    Mutant("_format is not read", "format.parameter", query(r"[?&]_format=[^&]*", "")),
    Mutant(
        "XML that lacks something",
        "format.same-appointment",
        text(READ, r"<comment[^>]*>", "", xml=True),
    ),
    Mutant(
        "XML with other times",
        "format.same-search",
        text(SLOTS, r"(<start value=\"\d{4})", r"\g<1>9", xml=True),
    ),
    Mutant(
        "no default format",
        "format.default",
        instead(lambda sent: not sent.header("Accept"), 415, "BAD_REQUEST", "not-supported"),
    ),
    Mutant("minimal is not known", "format.minimal", without_header("Prefer")),
    # people
    Mutant(
        "the patient is found twice",
        "patient.found",
        body(asked("GET", r"/Patient\?", 200), copied),
    ),
    Mutant(
        "an error when nobody is found",
        "patient.none",
        answer(
            asked("GET", r"/Patient\?", 200),
            lambda came: came if b'"entry"' in came.body else Answered(404, came.headers, b"{}"),
        ),
    ),
    Mutant(
        "the wrong code for a number",
        "patient.bad-number",
        text(refused, "INVALID_NHS_NUMBER", "INVALID_PARAMETER"),
    ),
    Mutant(
        "400 for an unknown patient",
        "patient.unknown-id",
        instead(lambda sent: "/Patient/999999999" in sent.url, 400, "BAD_REQUEST", "invalid"),
    ),
    Mutant(
        "ids in other words",
        "practitioner.read",
        inside(asked("GET", "/Practitioner/"), "Practitioner", put(id="x")),
    ),
    Mutant(
        "the practice does not know itself",
        "organisation.found",
        entries(asked("GET", r"/Organization\?", 200), lambda each: False),
    ),
    # the search
    Mutant("a busy slot", "search.free", inside(SLOTS, "Slot", put(status="busy"))),
    Mutant("start is not read to the minute", "search.start", query(*EARLIER_START)),
    Mutant("end is not read to the minute", "search.end", query(*LATER_END)),
    Mutant("the last day is lost", "search.last-day", query(*DAY_TO_MIDNIGHT)),
    Mutant(
        "a Schedule is missing",
        "search.schedules",
        entries(SLOTS, lambda each: each["resourceType"] != "Schedule"),
    ),
    Mutant("an entry twice", "search.once", body(SLOTS, copied)),
    Mutant(
        "a practitioner is missing",
        "search.people",
        entries(SLOTS, lambda each: each["resourceType"] != "Practitioner"),
    ),
    Mutant(
        "places that nobody asked for",
        "search.unasked",
        query(r"(_include=Slot%3Aschedule)", r"\1&_include%3Arecurse=Schedule%3Aactor%3ALocation"),
    ),
    Mutant(
        "no Organization",
        "search.practice",
        entries(SLOTS, lambda each: each["resourceType"] != "Organization"),
    ),
    Mutant(
        "an empty list",
        "search.empty patient.none practitioner.none organisation.none",
        body(asked("GET", FOUND_BY), empty_entry),
    ),
    Mutant("a total", "search.plain", body(SLOTS, with_total)),
    Mutant("pages", "search.no-paging", one_only),
    Mutant(
        "unknown parameters are refused",
        "search.unknown-parameter",
        instead(lambda sent: "favourite" in sent.url, 400, "BAD_REQUEST", "invalid"),
    ),
    Mutant(
        "unknown filters are refused",
        "search.unknown-filter",
        instead(lambda sent: "disposition" in sent.url, 422, "INVALID_PARAMETER", "invalid"),
    ),
    Mutant(
        "a long range is taken",
        "search.refuses-long-range",
        query(r"end=le[\d-]+", today_as_end),
    ),
    Mutant("any status is taken", "search.refuses-busy", query("status=busy", "status=free")),
    Mutant("Z is taken", "search.refuses-zulu", query(r"(T09%3A00%3A00)Z", r"\1%2B00%3A00")),
    # what is in the resources
    Mutant(
        "a Slot without profile",
        "content.slot-profile",
        inside(SLOTS, "Slot", drop("meta.profile")),
    ),
    Mutant(
        "a Slot without channel", "content.slot-codes", inside(SLOTS, "Slot", drop("extension"))
    ),
    Mutant(
        "a Slot without type", "content.slot-elements", inside(SLOTS, "Slot", drop("serviceType"))
    ),
    Mutant(
        "a Schedule without horizon",
        "content.schedule-elements",
        inside(SLOTS, "Schedule", drop("planningHorizon.end")),
    ),
    Mutant(
        "a role of another system",
        "content.schedule-codes",
        inside(SLOTS, "Schedule", other_role_system),
    ),
    Mutant("times in Z", "content.times", inside(SLOTS, "Slot", zulu)),
    Mutant("absolute references", "content.references", inside(SLOTS, "Slot", absolute)),
    Mutant(
        "an address as list", "content.location-elements", inside(EVERY, "Location", address_list)
    ),
    Mutant(
        "a number not said to be verified",
        "content.patient-codes",
        inside(PATIENTS, "Patient", no_verification),
    ),
    Mutant(
        "a marital status",
        "content.patient-elements",
        inside(PATIENTS, "Patient", put(maritalStatus={"text": "M"})),
    ),
    Mutant(
        "a doctor's telephone",
        "content.practitioner-elements",
        inside(EVERY, "Practitioner", put(telecom=[{"system": "phone", "value": "0113 496 0001"}])),
    ),
    Mutant(
        "an empty text",
        "content.organization-elements",
        inside(EVERY, "Organization", put(alias=[""])),
    ),
    Mutant(
        "a reason in an appointment",
        "content.appointment-elements",
        inside(READ, "Appointment", put(reason=[{"text": "Cough"}])),
    ),
    # clocks
    Mutant(
        "winter time in summer",
        "clocks.offsets",
        text(SLOTS, r"(T\d\d:\d\d:\d\d)\+01:00", r"\1+00:00"),
    ),
    Mutant("offsets of bounds are not read", "clocks.search", query("%2B01%3A00", "%2B00%3A00")),
    Mutant(
        "bookings in winter time",
        "clocks.booking",
        text(BOOKED, r"(T\d\d:\d\d:\d\d)\+01:00", r"\1+00:00"),
    ),
    # who may ask
    Mutant(
        "no trace id is needed", "access.no-ssp-traceid", lenient("Ssp-TraceID", lambda v: v or "1")
    ),
    Mutant(
        "the ASID is not compared",
        "access.other-asid",
        request(any_asid),
    ),
    Mutant(
        "the interaction is not compared",
        "access.other-interaction",
        request(
            lambda sent: (
                Request(sent.verb, sent.url, {**sent.headers, "Ssp-InteractionID": SEARCH_SLOTS.id})
                if "/Slot?" in sent.url
                else None
            )
        ),
    ),
    Mutant("405 for a verb", "access.verb-delete", answer(asked("DELETE"), as_405)),
    Mutant(
        "404 for an unknown resource",
        "access.unknown-resource",
        text(asked(path="Immunization"), "NOT_IMPLEMENTED", "NO_RECORD_FOUND"),
    ),
    Mutant(
        "tokens are not read",
        "token.expired token.no-requesting-device token.sub token.reason token.device-type",
        any_token,
    ),
    Mutant("signatures are accepted", "token.signed", any_signature),
    Mutant(
        "smartcards are demanded",
        "token.no-smartcard",
        instead(
            lambda sent: len(sent.header("Authorization")) < 1300, 400, "BAD_REQUEST", "invalid"
        ),
    ),
    # refusals
    Mutant("pages of HTML", "outcome.there", answer(refused, html)),
    Mutant("no diagnostics", "outcome.diagnostics", body(refused, issue(diagnostics=None))),
    Mutant(
        "the parameter is not named",
        "outcome.names-parameter",
        body(refused, issue(diagnostics="Wrong.")),
    ),
    Mutant(
        "the system of the value set",
        "outcome.coding",
        body(refused, coding(system=codes.SPINE_SYSTEM.replace("CodeSystem", "ValueSet"))),
    ),
    Mutant("own words for codes", "outcome.display", body(refused, coding(display="Oh no"))),
    Mutant("another issue type", "outcome.type", body(refused, issue(code="exception"))),
    Mutant("a warning", "outcome.type", body(refused, issue(severity="warning"))),
    Mutant("no profile", "outcome.profile", body(refused, drop("meta"))),
    Mutant(
        "a trace of the program",
        "outcome.no-insides",
        body(refused, issue(diagnostics="status: java.lang.NullPointerException")),
    ),
    Mutant(
        "a crash",
        "book.refuses-no-json outcome.no-crash",
        instead(
            lambda sent: (
                sent.body.startswith(b'{"resourceType": "Appointment",')
                and not sent.body.endswith(b"}")
            ),
            *(500, "INTERNAL_SERVER_ERROR", "processing"),
        ),
    ),
    # booking
    Mutant(
        "200 for a booking",
        "book.created",
        answer(BOOKED, lambda came: Answered(200, came.headers, came.body)),
    ),
    Mutant("texts are cut", "book.content", inside(BOOKED, "Appointment", cut("comment", 10))),
    Mutant(
        "who booked is lost", "book.organisation", inside(BOOKED, "Appointment", no_organisation)
    ),
    Mutant("no slot type", "book.derived", inside(BOOKED, "Appointment", drop("serviceType"))),
    Mutant("old searches", "book.slot-gone", old_searches),
    Mutant("one slot twice", "book.taken together.one-slot", one_slot_twice),
    Mutant(
        "a long description is cut",
        "book.refuses-long-description",
        sent_body(cut("description", 100)),
    ),
    Mutant("a reason is dropped", "book.refuses-reason", sent_body(drop("reason"))),
    Mutant("any element is dropped", "book.refuses-unknown-element", sent_body(drop("firstName"))),
    Mutant(
        "404 for a reference",
        "book.refuses-unknown-slot",
        text(asked("POST", "", 422), "REFERENCE_NOT_FOUND", "NO_RECORD_FOUND"),
    ),
    Mutant("a refused booking stays", "book.no-trace", refused_and_kept),
    # reading and changing
    Mutant("reads something else", "read.same", inside(READ, "Appointment", cut("comment", 10))),
    Mutant(
        "retrieves something else",
        "retrieve.only",
        inside(RETRIEVED, "Appointment", put(start="2030-01-01T09:00:00+00:00")),
    ),
    Mutant(
        "retrieves without comment",
        "retrieve.same",
        inside(RETRIEVED, "Appointment", drop("comment")),
    ),
    Mutant(
        "retrieves the past",
        "retrieve.refuses-past",
        lambda send: (
            lambda sent: (
                Answered(200, {}, b"{}")
                if "/Appointment?start=" in sent.url and send(sent).status == 422
                else send(sent)
            )
        ),
    ),
    Mutant(
        "If-Match is not read",
        "amend.stale cancel.stale together.one-version amend.malformed-version",
        without_header("If-Match"),
    ),
    Mutant("412 for a conflict", "version.status", answer(asked("PUT"), conflict_as_412)),
    Mutant("amends in words only", "amend.kept", only_says_so(AMEND_APPOINTMENT.id)),
    Mutant("versions do not change", "amend.changed cancel.done", version_stays),
    Mutant(
        "amends whatever is sent",
        "amend.refuses-medical-reason",
        sent_body(drop("reason"), "PUT"),
    ),
    Mutant("the reason is lost", "cancel.done", inside(CHANGED, "Appointment", no_reason)),
    Mutant(
        "cancelled ones are hidden",
        "cancel.kept",
        entries(RETRIEVED, lambda each: each.get("status") != "cancelled"),
    ),
    Mutant("cancels twice", "cancel.twice", cancelled_twice),
    Mutant("slots stay taken", "cancel.slot-free", slots_stay_taken),
    Mutant(
        "cancels in words only",
        "cancel.kept cancel.slot-bookable diary.restored",
        only_says_so(CANCEL_APPOINTMENT.id),
    ),
    # the rest, so that each check has been seen failing
    Mutant(
        "no statement",
        "capability.answered",
        instead(lambda sent: "/metadata" in sent.url, 404, "NO_RECORD_FOUND", "not-found"),
    ),
    Mutant("no start declared", "capability.start", text(METADATA, '"start"', '"identifier"')),
    Mutant(
        "another patient is read",
        "patient.read",
        inside(asked("GET", "/Patient/[^/]+$", 200), "Patient", put(gender="other")),
    ),
    Mutant(
        "a patient of another practice",
        "patient.practice",
        text(PATIENTS, "Organization/[0-9]+", "Organization/999999999"),
    ),
    Mutant(
        "nobody is found",
        "practitioner.found",
        entries(asked("GET", r"/Practitioner\?", 200), lambda each: False),
    ),
    Mutant(
        "another practice is read",
        "organisation.read",
        inside(asked("GET", "/Organization/"), "Organization", put(id="x")),
    ),
    Mutant(
        "another place is read",
        "location.read",
        inside(asked("GET", "/Location/"), "Location", put(id="x")),
    ),
    Mutant("a collection", "search.answered", body(SLOTS, put(type="collection"))),
    Mutant(
        "no times",
        "search.times",
        instead(lambda sent: "T" in sent.url.partition("start=")[2][:16], 422, *INVALID),
    ),
    Mutant("days are not read", "search.days", query(r"end=le[\d-]+", next_week)),
    Mutant("no order", "search.order", body(SLOTS, lambda bundle: bundle["entry"].reverse())),
    Mutant(
        "one order only",
        "search.recurse-order",
        instead(lambda sent: "?searchFilter" in sent.url, 422, *INVALID),
    ),
    Mutant(
        "a space is no plus",
        "search.plus",
        instead(lambda sent: "%200" in sent.url, 422, *INVALID),
    ),
    Mutant(
        "headers in capitals only",
        "access.case-of-headers",
        instead(lambda sent: "ssp-to" in sent.headers, 400, *MALFORMED),
    ),
    Mutant(
        "no Content-Type with GET",
        "access.content-type-on-get",
        instead(lambda sent: "Content-Type" in sent.headers, 415, *MALFORMED),
    ),
    Mutant(
        "no other claims",
        "token.extra-claim",
        instead(lambda sent: "jti" in claims(sent), 400, *MALFORMED),
    ),
    Mutant(
        "no fast clocks",
        "token.fast-clock",
        instead(lambda sent: claims(sent)["iat"] > time.time() + 60, 400, *MALFORMED),
    ),
    Mutant(
        "no bare plus",
        "format.plus",
        instead(lambda sent: "fhir+json" in sent.url, 415, *MALFORMED),
    ),
    Mutant("no bare pipe", "format.encoding", instead(lambda sent: "|" in sent.url, 422, *INVALID)),
    Mutant(
        "another patient in XML",
        "format.same-patient",
        text(PATIENTS, "female", "male", xml=True),
    ),
    Mutant(
        "other words in XML",
        "format.same-refusal",
        text(refused, '<diagnostics value="', '<diagnostics value="Sorry. ', xml=True),
    ),
    Mutant("always packed", "format.identity", answer(METADATA, always_packed)),
    Mutant("amends what is cancelled", "cancel.no-way-back", amended_when_cancelled),
    *(
        Mutant(
            f"a {kind} without version",
            f"content.{kind.lower()}-profile",
            inside(EVERY, kind, drop("meta.versionId")),
        )
        for kind in ("Schedule", "Appointment", "Patient", "Practitioner", "Location")
    ),
    Mutant(
        "an Organization without version",
        "content.organization-profile",
        inside(EVERY, "Organization", drop("meta.versionId")),
    ),
    Mutant(
        "a channel of its own",
        "content.appointment-codes",
        text(READ, '"In-person"', '"By letter"'),
    ),
    Mutant(
        "a gender in one letter",
        "content.practitioner-codes",
        inside(EVERY, "Practitioner", put(gender="F")),
    ),
    Mutant(
        "a place that is open",
        "content.location-codes",
        inside(EVERY, "Location", put(status="open")),
    ),
    Mutant(
        "an organisation at home",
        "content.organization-codes",
        inside(
            EVERY, "Organization", put(telecom=[{"system": "phone", "value": "1", "use": "home"}])
        ),
    ),
    Mutant(
        "no answer",
        "header.answered",
        answer(asked("GET", "Immunization"), lambda came: Answered(0, fault="cut")),
    ),
    Mutant("an element of its own", "outcome.elements", body(refused, issue(severityLevel="high"))),
)
