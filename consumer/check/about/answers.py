"""What all answers have in common: headers, and the OperationOutcome of every refusal.

Done last, so that every answer of the visit is looked at.
"""

import re
from collections.abc import Iterator
from contextlib import suppress

from consumer import interactions as gpc
from consumer.check import codes
from consumer.check.checks import NotSeen, Problem, check, first, of_kinds
from consumer.check.exchange import JSON, XML, Exchange, codings
from consumer.check.journey import journey
from consumer.check.kit import Kit
from consumer.check.profiles import OPERATION_OUTCOME
from consumer.check.shapes import faults


def all_answers(kit: Kit) -> list[Exchange]:
    """Every answer so far; at least a few of different kinds."""
    samples = [kit.metadata, kit.patient_found, kit.found, *kit.refusals]
    assert samples, "what was not asked for yet is asked now"
    return [each for each in kit.wire.seen if each.status]


# ---------------------------------------------------------------- headers


@check("header.answered", "Every request is answered", "GEN-077", "ERR-002")
def everything_is_answered(kit: Kit) -> Iterator[Problem]:
    all_answers(kit)
    lost = (each for each in kit.wire.seen if not each.status)
    return first(Problem(f"{each.what}: {each}", each) for each in lost)


@check(
    "header.content-type",
    "Every answer with a body is FHIR's JSON or XML in UTF-8, and says so letter for letter",
    *("GEN-059", "GEN-070", "ERR-012"),
)
def content_types_are_right(kit: Kit) -> Iterator[Problem]:
    right = (f"{JSON};charset=utf-8", f"{XML};charset=utf-8")
    return first(
        Problem(f"Content-Type is {each.header('Content-Type')!r}", each)
        for each in all_answers(kit)
        if each.text and each.header("Content-Type").lower() not in right
    )


@check(
    "header.cache",
    "Every answer, refusals too, has Cache-Control: no-store",
    *("GEN-074", "ERR-012", "SEC-029"),
)
def nothing_is_cached(kit: Kit) -> Iterator[Problem]:
    return first(
        Problem(f"Cache-Control is {each.header('Cache-Control')!r}", each)
        for each in all_answers(kit)
        if "no-store" not in each.header("Cache-Control").lower()
    )


@check("header.no-redirect", "No answer is a redirect", "GEN-006", "GEN-077")
def nothing_redirects(kit: Kit) -> Iterator[Problem]:
    return first(
        Problem(f"{each.status} to {each.header('Location')}", each)
        for each in all_answers(kit)
        if 300 <= each.status < 400
    )


@check("header.hsts", "Answers over TLS have Strict-Transport-Security", "GEN-075")
def tls_is_insisted_on(kit: Kit) -> Iterator[Problem]:
    if not kit.wire.provider.address.startswith("https://"):
        raise NotSeen("the address is not https")
    return first(
        Problem("Strict-Transport-Security is missing", each)
        for each in all_answers(kit)
        if not each.header("Strict-Transport-Security")
    )


def single(kit: Kit) -> list[Exchange]:
    """Answers that hold one resource with a version."""
    found = [kit.patient_read]
    for read in ("practitioner_read", "location_read", "organisation_read"):
        with suppress(NotSeen):
            found.append(getattr(kit, read))
    with suppress(NotSeen):
        trip = journey(kit)
        trip.at("cancelled")
        found += [trip.done[name] for name in ("booked", "read", "amended", "cancelled")]
    return [each for each in found if each.status in (200, 201)]


@check(
    "header.etag",
    "An answer with one resource has its version as a weak ETag",
    *("GEN-090", "GEN-091", "BOOK-102", "READ-020"),
)
def versions_are_in_etags(kit: Kit) -> Iterator[Problem]:
    def wrong() -> Iterator[Problem]:
        for each in single(kit):
            if each.header("ETag") != f'W/"{each.version}"':
                etag = each.header("ETag")
                yield Problem(f"{each.kind}: ETag is {etag!r}, versionId {each.version!r}", each)

    return first(wrong())


@check(
    "header.no-etag",
    "Bundles and refusals have no ETag",
    *("GEN-091", "ERR-011"),
)
def others_have_no_etag(kit: Kit) -> Iterator[Problem]:
    return first(
        Problem(f"a {each.kind} has the ETag {each.header('ETag')!r}", each)
        for each in all_answers(kit)
        if each.header("ETag") and each.kind in ("Bundle", "OperationOutcome")
    )


@check(
    "header.location",
    "A booking's Location is [base]/Appointment/[id]/_history/[version]",
    *("BOOK-101", "GEN-096"),
)
def location_is_right(kit: Kit) -> Iterator[Problem]:
    exchange = journey(kit).at("booked")
    if exchange.status != 201:
        raise NotSeen("no appointment could be booked (see book.created)")
    wanted = f"/Appointment/{exchange.resource.get('id')}/_history/{exchange.version}"
    sent = exchange.header("Location")
    if not re.match(r"https?://", sent) or not sent.endswith(wanted):
        yield Problem(f"Location is {sent!r}, not [base]{wanted}", exchange)


@check("header.last-modified", "A booking has Last-Modified", "GEN-096")
def last_modified_is_there(kit: Kit) -> Iterator[Problem]:
    exchange = journey(kit).at("booked")
    if exchange.status == 201 and not exchange.header("Last-Modified"):
        yield Problem("Last-Modified is missing", exchange)


@check(
    "header.content-location",
    "Reads, bookings and changes have Content-Location",
    "GEN-097",
    must=False,
)
def content_location_is_there(kit: Kit) -> Iterator[Problem]:
    return first(
        Problem(f"{each.kind}: Content-Location is missing", each)
        for each in single(kit)
        if not each.header("Content-Location")
    )


@check(
    "header.bearer",
    "A refusal for the token has WWW-Authenticate",
    "JWT-009",
    must=False,
)
def token_refusals_say_so(kit: Kit) -> Iterator[Problem]:
    exchange = kit.wire.ask(gpc.READ_METADATA, claims={"reason_for_request": "secondaryuses"})
    if exchange.status == 400 and "bearer" not in exchange.header("WWW-Authenticate").lower():
        yield Problem("WWW-Authenticate is missing", exchange)


# ---------------------------------------------------------------- refusals


def refusals(kit: Kit) -> list[Exchange]:
    """Every refusal in JSON so far; what XML says is compared elsewhere (format.same-refusal)."""
    return [each for each in all_answers(kit) if each.status >= 400 and not each.is_xml]


def outcomes(kit: Kit) -> list[Exchange]:
    found = [each for each in refusals(kit) if each.kind == "OperationOutcome"]
    if not found:
        raise NotSeen("no refusal is an OperationOutcome (see outcome.there)")
    return found


@check(
    "outcome.there",
    "Every refusal, wherever it comes from, is an OperationOutcome",
    *("ERR-001", "ERR-002", "ERR-071", "SLOT-037"),
)
def refusals_are_outcomes(kit: Kit) -> Iterator[Problem]:
    return first(
        Problem(f"{each.status} with {each.kind or 'no resource'}", each)
        for each in refusals(kit)
        if each.kind != "OperationOutcome"
    )


@check("outcome.profile", "Every OperationOutcome names its profile", "ERR-003", "GEN-030")
def outcomes_name_their_profile(kit: Kit) -> Iterator[Problem]:
    def wrong() -> Iterator[Problem]:
        for each in outcomes(kit):
            sent = (each.resource.get("meta") or {}).get("profile")
            if sent != [OPERATION_OUTCOME.profile]:
                yield Problem(f"meta.profile is {sent}", each)

    return first(wrong())


@check(
    "outcome.elements",
    "Every OperationOutcome has the elements of its profile, and no others",
    *("ERR-001", "GEN-133", "GEN-039"),
)
def outcomes_are_whole(kit: Kit) -> Iterator[Problem]:
    found = [
        (each, fault)
        for each in outcomes(kit)
        for fault in faults(each.resource, OPERATION_OUTCOME)
    ]
    return of_kinds(found, "shape", "extension")


@check(
    "outcome.coding",
    "Every issue has one coding of the Spine's code system, with code and display",
    *("ERR-006", "ERR-007"),
)
def codings_are_right(kit: Kit) -> Iterator[Problem]:
    def wrong() -> Iterator[Problem]:
        for each in outcomes(kit):
            if len(codings(each.issues)) != len(each.issues):
                yield Problem("details.coding is not exactly one for each issue", each)
            for coding in codings(each.issues):
                if coding.get("system") != codes.SPINE_SYSTEM:
                    words = f"system is {coding.get('system')!r}, not {codes.SPINE_SYSTEM}"
                    yield Problem(words, each)
                elif not coding.get("code") or not coding.get("display"):
                    yield Problem(f"coding is {coding}", each)

    return first(wrong())


@check("outcome.display", "The display is that of the code system", "ERR-060", must=False)
def displays_are_right(kit: Kit) -> Iterator[Problem]:
    def wrong() -> Iterator[Problem]:
        for each in outcomes(kit):
            for coding in codings(each.issues):
                wanted = codes.DISPLAYS.get(str(coding.get("code")))
                if wanted and coding.get("display") != wanted:
                    words = f"display of {coding['code']} is {coding.get('display')!r}"
                    yield Problem(f"{words}, not {wanted!r}", each)

    return first(wrong())


@check(
    "outcome.type",
    "Severity is error, and the issue's type that of its Spine code",
    *("ERR-004", "ERR-005"),
)
def types_are_right(kit: Kit) -> Iterator[Problem]:
    types: dict[str, set[str]] = {}
    for refusal in codes.REFUSALS:
        types.setdefault(refusal.code, set()).add(refusal.issue_type)

    def wrong() -> Iterator[Problem]:
        for each in outcomes(kit):
            for issue in each.issues:
                if issue.get("severity") != "error":
                    yield Problem(f"severity is {issue.get('severity')!r}", each)
                wanted = types.get(each.spine_code)
                if wanted and issue.get("code") not in wanted:
                    words = f"{each.spine_code} has the type {issue.get('code')!r}"
                    yield Problem(f"{words}, not {' or '.join(sorted(wanted))}", each)

    return first(wrong())


@check(
    "outcome.diagnostics",
    "Diagnostics are there with the codes that demand them",
    *("ERR-009", "ERR-010", "RETR-017", "SLOT-037"),
)
def diagnostics_are_there(kit: Kit) -> Iterator[Problem]:
    return first(
        Problem(f"{each.spine_code} without diagnostics", each)
        for each in outcomes(kit)
        if each.spine_code in codes.WITH_DIAGNOSTICS and not each.diagnostics
    )


@check(
    "outcome.names-parameter",
    "The diagnostics of a bad parameter name it",
    *("ERR-010", "SLOT-037"),
)
def diagnostics_name_the_parameter(kit: Kit) -> Iterator[Problem]:
    exchange = kit.refusals[2]  # a search with status=busy
    if exchange.status == 422 and "status" not in exchange.diagnostics.lower():
        yield Problem(f"the parameter status is not in {exchange.diagnostics!r}", exchange)


INSIDES = re.compile(
    r"Traceback|at [a-z]+(\.\w+)+\(\w+\.java|\.java:\d+|\w+Exception\b|File \"/|SELECT .* FROM "
    r"|psycopg|sqlite3|\bORA-\d+|NullPointer|java\.lang\.",
)


@check(
    "outcome.no-insides",
    "No refusal shows the insides of the program: no exceptions, SQL, files",
    *("ERR-008", "ERR-063"),
)
def insides_stay_inside(kit: Kit) -> Iterator[Problem]:
    def wrong() -> Iterator[Problem]:
        for each in refusals(kit):
            if found := INSIDES.search(each.text.decode("utf-8", "replace")):
                yield Problem(f"it says {found[0]!r}", each)

    return first(wrong())


@check(
    "outcome.no-crash", "Nothing that was sent makes the provider fail (5xx)", "ERR-032", "ERR-035"
)
def nothing_crashes(kit: Kit) -> Iterator[Problem]:
    return first(
        Problem(f"{each.what}: {each}", each)
        for each in all_answers(kit)
        if each.status >= 500 and each.status != 501
    )
