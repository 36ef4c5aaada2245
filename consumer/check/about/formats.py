"""JSON and XML, how one of them is chosen, and compression."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from consumer import interactions as gpc
from consumer.check import codes
from consumer.check.checks import NotSeen, Problem, answered, check, refuses
from consumer.check.codes import UNSUPPORTED_FORMAT
from consumer.check.exchange import JSON, XML, Exchange
from consumer.check.kit import NOBODY, Kit
from consumer.check.leaves import Leaf, of_json, of_xml
from consumer.tokens import ABSENT


def form(exchange: Exchange) -> str:
    """JSON or XML, as the Content-Type says."""
    return exchange.header("Content-Type").partition(";")[0].strip().lower()


def is_in(exchange: Exchange, wanted: str) -> Iterator[Problem]:
    if (exchange.status, form(exchange)) != (200, wanted):
        came = f"{exchange.status} with {form(exchange) or 'no Content-Type'}"
        yield Problem(f"expected 200 with {wanted}, came {came}", exchange)


def has_xml(kit: Kit) -> None:
    """XML is not demanded; a provider without it has nothing to show (GEN-051)."""
    if XML not in (kit.metadata.resource.get("format") or []):
        raise NotSeen("the capability statement does not declare XML")


@check("format.default", "Without Accept, _format and Content-Type the answer is JSON", "GEN-055")
def default_is_json(kit: Kit) -> Iterator[Problem]:
    yield from is_in(kit.wire.ask(gpc.READ_METADATA, headers={"Accept": ABSENT}), JSON)


@check("format.accept", "Accept chooses XML", "GEN-051", "GEN-052")
def accept_chooses(kit: Kit) -> Iterator[Problem]:
    has_xml(kit)
    yield from is_in(kit.wire.ask(gpc.READ_METADATA, format="xml"), XML)


@check("format.parameter", "_format overrides Accept", "GEN-053", "GEN-052", "META-004")
def parameter_overrides(kit: Kit) -> Iterator[Problem]:
    has_xml(kit)
    query = [("_format", XML)]
    yield from is_in(kit.wire.ask(gpc.READ_METADATA, query=query), XML)
    query = [("_format", JSON)]
    yield from is_in(kit.wire.ask(gpc.READ_METADATA, query=query, format="xml"), JSON)


@check("format.plus", "_format=application/fhir+json with a bare + is JSON", "GEN-062")
def plus_is_read(kit: Kit) -> Iterator[Problem]:
    yield from is_in(kit.wire.ask(gpc.READ_METADATA, query=f"_format={JSON}"), JSON)


@check(
    "format.content-type",
    "Without Accept and _format the Content-Type of the request decides",
    "GEN-054",
)
def content_type_decides(kit: Kit) -> Iterator[Problem]:
    has_xml(kit)
    headers = {"Accept": ABSENT, "Content-Type": XML}
    yield from is_in(kit.wire.ask(gpc.READ_METADATA, headers=headers), XML)


@refuses("format.turtle", "Turtle is asked for", "GEN-056 ERR-015", UNSUPPORTED_FORMAT)
def turtle(kit: Kit) -> Exchange:
    return kit.wire.ask(gpc.READ_METADATA, headers={"Accept": "text/turtle"})


@check(
    "format.encoding",
    "A | that is percent-encoded and one that is not mean the same",
    *("GEN-071", "PAT-008"),
)
def encoding_does_not_matter(kit: Kit) -> Iterator[Problem]:
    query = f"identifier={codes.NHS_NUMBER}|{kit.nhs_number}"
    exchange = kit.wire.ask(gpc.FIND_PATIENT, query=query)
    yield from answered(exchange, 200, "Bundle")
    if exchange.of_type("Patient") != kit.patient_found.of_type("Patient"):
        yield Problem("the patients found are not the same", exchange)


# ---------------------------------------------------------------- JSON and XML say the same


def same(as_json: Exchange, as_xml: Exchange) -> Iterator[Problem]:
    """What differs between two answers to the same question."""
    if as_json.status != as_xml.status:
        yield Problem(f"JSON has {as_json.status}, XML {as_xml.status}", as_xml)
        return
    if not as_xml.is_xml:
        yield Problem(f"the Content-Type is {as_xml.header('Content-Type')!r}", as_xml)
        return
    said = of_xml(as_xml.text)
    if said is None:
        yield Problem("the body is no well-formed XML", as_xml)
        return
    in_json, in_xml = counted(of_json(as_json.resource)), counted(said)
    for path, value in sorted((in_json - in_xml).keys())[:4]:
        yield Problem(f"JSON alone says {path} = {value!r}", as_json)
    for path, value in sorted((in_xml - in_json).keys())[:4]:
        yield Problem(f"XML alone says {path} = {value!r}", as_xml)


def counted(leaves: Iterable[Leaf]) -> Counter[Leaf]:
    """What is said; a Bundle is made anew for each question, and may say so."""
    anew = ("/Bundle/id", "/Bundle/meta/")
    return Counter(each for each in leaves if not each[0].startswith(anew))


@check(
    "format.same-search",
    "A search says the same in JSON and in XML",
    *("GEN-050", "GEN-051", "GEN-132"),
)
def searches_are_the_same(kit: Kit) -> Iterator[Problem]:
    has_xml(kit)
    slot = kit.some_slots()[0]
    day = str(slot["start"])[:10]
    query = kit.slot_query(day, day)
    ask = kit.wire.ask
    as_xml = ask(gpc.SEARCH_SLOTS, query=query, format="xml")
    return same(ask(gpc.SEARCH_SLOTS, query=query), as_xml)


@check("format.same-patient", "A patient is the same in JSON and in XML", "GEN-050", "GEN-051")
def patients_are_the_same(kit: Kit) -> Iterator[Problem]:
    has_xml(kit)
    as_xml = kit.wire.ask(gpc.READ_PATIENT, kit.patient_id, format="xml")
    return same(kit.patient_read, as_xml)


@check("format.same-appointment", "An appointment is the same in JSON and in XML", "GEN-051")
def appointments_are_the_same(kit: Kit) -> Iterator[Problem]:
    has_xml(kit)
    with kit.booked() as booked:
        ask, logical_id = kit.wire.ask, str(booked.resource["id"])
        as_xml = ask(gpc.READ_APPOINTMENT, logical_id, format="xml")
        return same(ask(gpc.READ_APPOINTMENT, logical_id), as_xml)


@check("format.same-refusal", "A refusal says the same in JSON and in XML", "ERR-001")
def refusals_are_the_same(kit: Kit) -> Iterator[Problem]:
    has_xml(kit)
    ask = kit.wire.ask
    trace = {"Ssp-TraceID": "conformance-check"}  # which the diagnostics may name
    as_json = ask(gpc.READ_PATIENT, NOBODY, headers=trace)
    return same(as_json, ask(gpc.READ_PATIENT, NOBODY, headers=trace, format="xml"))


# ---------------------------------------------------------------- compression


@check("format.gzip", "Who accepts gzip gets gzip, and the same content", "GEN-072")
def gzip_is_spoken(kit: Kit) -> Iterator[Problem]:
    query: Any = kit.slot_query()
    packed = kit.wire.ask(gpc.SEARCH_SLOTS, query=query, headers={"Accept-Encoding": "gzip"})
    yield from answered(packed, 200, "Bundle")
    if packed.header("Content-Encoding").lower() != "gzip":
        yield Problem(f"Content-Encoding is {packed.header('Content-Encoding')!r}", packed)


@check("format.identity", "Who accepts no compression gets none", "GEN-077")
def plain_is_spoken(kit: Kit) -> Iterator[Problem]:
    exchange = kit.wire.ask(gpc.READ_METADATA, headers={"Accept-Encoding": "identity"})
    if exchange.header("Content-Encoding").lower() not in ("", "identity"):
        coding = exchange.header("Content-Encoding")
        yield Problem(f"the answer is packed with {coding}", exchange)


# ---------------------------------------------------------------- as little as is wanted


@check(
    "format.minimal",
    "Prefer: return=minimal leaves out the body, and only that",
    *("GEN-099",),
    must=False,
)
def minimal_is_spoken(kit: Kit) -> Iterator[Problem]:
    exchange = kit.book(kit.body(kit.free_slot()), headers={"Prefer": "return=minimal"})
    if exchange.status != 201:
        raise NotSeen("no appointment could be booked (see book.created)")
    if exchange.text:
        yield Problem("there is a body", exchange)
    for name in ("Location", "ETag"):
        if not exchange.header(name):
            yield Problem(f"{name} is missing", exchange)
