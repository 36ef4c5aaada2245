"""Tools to spoil a right provider: what stands before it and changes what comes and goes.

A mutant changes requests on their way in, answers on their way out, or remembers and gives one
thing twice. ``checks``: those that have to fail, at least.
"""

import gzip
import json
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from consumer.check import codes
from consumer.check.exchange import Answered
from consumer.check.wire import Send
from consumer.interactions import CANCEL_APPOINTMENT
from consumer.transport import Request

Spoil = Callable[[Send], Send]
Which = Callable[[Request, Answered], bool]
Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Mutant:
    """One way to be wrong. ``checks`` are separated by blanks."""

    name: str
    checks: str
    spoil: Spoil


# ---------------------------------------------------------------- which answers


def asked(verb: str = "", path: str = "", status: int = 0) -> Which:
    """Answers to requests of a verb, with a path or query that matches, with a status."""

    def which(request: Request, answer: Answered) -> bool:
        return (
            (not verb or request.verb == verb)
            and re.search(path, request.url) is not None
            and (not status or answer.status == status)
        )

    return which


EVERY = asked()
METADATA = asked("GET", "/metadata", 200)
SLOTS = asked("GET", r"/Slot\?", 200)
BOOKED = asked("POST", "/Appointment$", 201)
READ = asked("GET", "/Appointment/[^/]+$", 200)
CHANGED = asked("PUT", "/Appointment/", 200)
RETRIEVED = asked("GET", "/Patient/[^/]+/Appointment", 200)
PATIENTS = asked("GET", r"/Patient(\?|/[^/]+$)", 200)


def refused(request: Request, answer: Answered) -> bool:
    return answer.status >= 400


# ---------------------------------------------------------------- ways to spoil


def answer(which: Which, change: Callable[[Answered], Answered]) -> Spoil:
    """Change some answers."""

    def spoil(send: Send) -> Send:
        def spoilt(request: Request) -> Answered:
            came = send(request)
            return change(came) if which(request, came) else came

        return spoilt

    return spoil


def header(which: Which, name: str, value: str | None) -> Spoil:
    """Set a header of some answers, or leave it out."""

    def change(came: Answered) -> Answered:
        headers = {k: v for k, v in came.headers.items() if k.lower() != name.lower()}
        return replace(came, headers={**headers, name: value} if value is not None else headers)

    return answer(which, change)


def body(which: Which, change: Change) -> Spoil:
    """Change the resource of some answers in JSON, in place."""

    def spoil_body(came: Answered) -> Answered:
        packed = came.body[:2] == b"\x1f\x8b"
        text = gzip.decompress(came.body) if packed else came.body
        if "xml" in came.headers.get("Content-Type", "") or not text:
            return came
        resource = json.loads(text)
        change(resource)
        made = json.dumps(resource).encode()
        return replace(came, body=gzip.compress(made) if packed else made)

    return answer(which, spoil_body)


def text(which: Which, pattern: str, words: str, *, xml: bool = False) -> Spoil:
    """Replace texts in the bodies of some answers."""

    def change(came: Answered) -> Answered:
        if xml != ("xml" in came.headers.get("Content-Type", "")):
            return came
        packed = came.body[:2] == b"\x1f\x8b"
        found = (gzip.decompress(came.body) if packed else came.body).decode()
        made = re.sub(pattern, words, found).encode()
        return replace(came, body=gzip.compress(made) if packed else made)

    return answer(which, change)


def inside(which: Which, kind: str, change: Change) -> Spoil:
    """Change every resource of a type, in a Bundle or alone."""

    def each(resource: dict[str, Any]) -> None:
        for entry in resource.get("entry", []):
            if entry["resource"]["resourceType"] == kind:
                change(entry["resource"])
        if resource["resourceType"] == kind:
            change(resource)

    return body(which, each)


def entries(which: Which, keep: Callable[[dict[str, Any]], bool]) -> Spoil:
    """Leave out some entries of Bundles."""

    def change(bundle: dict[str, Any]) -> None:
        bundle["entry"] = [each for each in bundle.get("entry", []) if keep(each["resource"])]

    return body(which, change)


def request(change: Callable[[Request], Request | None]) -> Spoil:
    """Change requests before they arrive; those for which it returns None stay as they are."""
    return lambda send: lambda sent: send(change(sent) or sent)


def instead(which: Callable[[Request], bool], status: int, code: str, type_: str) -> Spoil:
    """Refuse some requests, right or wrong, in one way."""
    outcome = {
        "resourceType": "OperationOutcome",
        "meta": {"profile": [codes.PROFILES["OperationOutcome"]]},
        "issue": [
            {
                "severity": "error",
                "code": type_,
                "details": {
                    "coding": [{"system": codes.SPINE_SYSTEM, "code": code, "display": "Refused"}]
                },
                "diagnostics": "No.",
            }
        ],
    }
    headers = {"Content-Type": "application/fhir+json;charset=utf-8", "Cache-Control": "no-store"}
    made = Answered(status, headers, json.dumps(outcome).encode())
    return lambda send: lambda sent: made if which(sent) else send(sent)


def lenient(name: str, value: Callable[[str], str]) -> Spoil:
    """Put a right header in place of a wrong one."""

    def change(sent: Request) -> Request:
        found = sent.header(name)
        headers = {k: v for k, v in sent.headers.items() if k.lower() != name.lower()}
        return replace(sent, headers={**headers, name: value(found)})

    return request(change)


def without_header(name: str, verb: str = "") -> Spoil:
    """Not read a header."""

    def change(sent: Request) -> Request | None:
        if verb and sent.verb != verb:
            return None
        return replace(
            sent, headers={k: v for k, v in sent.headers.items() if k.lower() != name.lower()}
        )

    return request(change)


def query(pattern: str, words: Any) -> Spoil:
    """Read parameters as others than they are."""
    return request(lambda sent: replace(sent, url=re.sub(pattern, words, sent.url)))


def sent_body(change: Change, verb: str = "POST") -> Spoil:
    """Take a body for another one: what is wrong in it is not seen, or something is lost."""

    def spoil(sent: Request) -> Request | None:
        if sent.verb != verb or not sent.body.startswith(b"{") or not sent.body.endswith(b"}"):
            return None
        resource = json.loads(sent.body)
        change(resource)
        return replace(sent, body=json.dumps(resource).encode())

    return request(spoil)


# ---------------------------------------------------------------- those that remember


def one_slot_twice(send: Send) -> Send:
    """Books a slot for everybody who asks."""
    given: dict[str, Answered] = {}

    def spoilt(sent: Request) -> Answered:
        came = send(sent)
        if sent.verb == "POST" and sent.url.endswith("/Appointment") and sent.body:
            slots = str(re.findall(rb"Slot/[^\"]+", sent.body))
            if came.status == 201:
                given[slots] = came
            elif came.status == 409 and slots in given:
                return given[slots]
        return came

    return spoilt


def old_searches(send: Send) -> Send:
    """Answers the same search with the same slots, whatever has happened since."""
    kept: dict[str, Answered] = {}

    def spoilt(sent: Request) -> Answered:
        if "/Slot?" not in sent.url or "json" not in sent.header("Accept"):
            return send(sent)
        if sent.url not in kept:
            kept[sent.url] = send(sent)
        return kept[sent.url]

    return spoilt


def slots_stay_taken(send: Send) -> Send:
    """Never offers a slot again that was booked once."""
    taken: set[str] = set()

    def spoilt(sent: Request) -> Answered:
        came = send(sent)
        if sent.verb == "POST" and came.status == 201:
            taken.update(re.findall(r"Slot/([^\"]+)", sent.body.decode()))
        hide = entries(SLOTS, lambda each: each["id"] not in taken or "schedule" not in each)
        return hide(lambda _: came)(sent)

    return spoilt


def only_says_so(interaction: str) -> Spoil:
    """Says that it has changed an appointment, and has not."""

    def spoil(send: Send) -> Send:
        def spoilt(sent: Request) -> Answered:
            if sent.verb != "PUT" or sent.header("Ssp-InteractionID") != interaction:
                return send(sent)
            made = json.loads(sent.body)
            made["meta"] = {**made["meta"], "versionId": "77"}
            headers = {
                "Content-Type": "application/fhir+json;charset=utf-8",
                "Cache-Control": "no-store",
                "ETag": 'W/"77"',
            }
            return Answered(200, headers, json.dumps(made).encode())

        return spoilt

    return spoil


def refused_and_kept(send: Send) -> Send:
    """Refuses a booking for its comment, and keeps it all the same."""

    def spoilt(sent: Request) -> Answered:
        came = send(sent)
        if sent.verb == "POST" and came.status == 422 and b"cccccccc" in sent.body:
            kept = {**json.loads(sent.body), "comment": "short"}
            send(replace(sent, body=json.dumps(kept).encode()))
        return came

    return spoilt


def version_stays(send: Send) -> Send:
    """Does not count its versions up."""
    versions: dict[str, str] = {}

    def spoilt(sent: Request) -> Answered:
        came = send(sent)

        def change(resource: dict[str, Any]) -> None:
            name = str(resource.get("id"))
            resource["meta"]["versionId"] = versions.setdefault(name, resource["meta"]["versionId"])

        return inside(EVERY, "Appointment", change)(lambda _: came)(sent)

    return spoilt


def cancelled_twice(send: Send) -> Send:
    """Cancels what is cancelled."""
    done: dict[str, Answered] = {}

    def spoilt(sent: Request) -> Answered:
        came = send(sent)
        if sent.header("Ssp-InteractionID") == CANCEL_APPOINTMENT.id:
            if came.status == 200:
                done[sent.url] = came
            elif came.status == 422:
                return done.get(sent.url, came)
        return came

    return spoilt


def copied(bundle: dict[str, Any]) -> None:
    """The first entry once more at the end."""
    if bundle.get("entry"):
        bundle["entry"].append(deepcopy(bundle["entry"][0]))
