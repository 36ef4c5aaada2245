"""Publishing the ends of the trails in the log, signed, and reading them there again.

The heads are the witness against whoever rules over the database: what was published cannot be
taken back. So a line of a log counts only if it is a whole record of our logger, and is signed with
a key that is not in the database (setting ``AUDIT_HEAD_KEYS``; the first one signs, all of them are
accepted). Strangers can choose parts of other log lines; nobody without a key can make a head.
"""

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from django.conf import settings

from practice.models import AuditHead

logger = logging.getLogger("practice.audit")

NOBODY = "-"  # stands for the trail of requests to no practice hosted here


@dataclass(frozen=True)
class Head:
    """Up to which number, and with which hash, a trail was sealed.

    The trail is that of the practice with this id, which stays the same when the practice is
    renamed; ``practice`` is its ODS code at that time. ``at``: when it was published.
    """

    trail: int | None
    practice: str
    sequence: int
    hash: str
    at: datetime | None = field(default=None, compare=False)


def present() -> list[Head]:
    """Return the present ends of all trails."""
    rows = AuditHead.objects.filter(sequence__gt=0).order_by("organisation__ods_code")
    return [
        Head(trail, ods_code or NOBODY, sequence, hash)
        for trail, ods_code, sequence, hash in rows.values_list(
            "organisation_id", "organisation__ods_code", "sequence", "hash"
        )
    ]


def publish(heads: Iterable[Head], *, now: datetime) -> None:
    """Write heads into the log, where whoever rules over the database cannot change them."""
    for head in heads:
        # A hash may look as if it held an NHS number, and must not be masked.
        logger.info("%s", record_of(head, now=now), extra={"holds_no_patient": True})


def record_of(head: Head, *, now: datetime) -> str:
    """Return a head as it is published, signed with the newest key."""
    trail = NOBODY if head.trail is None else head.trail
    at = now.astimezone(UTC).strftime(INSTANT)
    key = settings.AUDIT_HEAD_KEYS[0]
    told = (
        f"audit head practice={quote(head.practice, safe='')} id={trail} sequence={head.sequence}"
        f" hash={head.hash} at={at} key={name_of(key)}"
    )
    return f"{told} mac={signature(told, key)}"


INSTANT = "%Y-%m-%dT%H:%M:%SZ"


def name_of(key: str) -> str:
    """Return by what the lines of a log name a key; the key cannot be told from it."""
    return hashlib.sha256(f"audit head key:{key}".encode()).hexdigest()[:8]


def signature(told: str, key: str) -> str:
    """Return the HMAC of what is told of a head: hexadecimal, SHA-256."""
    return hmac.new(key.encode(), told.encode(), hashlib.sha256).hexdigest()


# ---------------------------------------------------------------- reading them


@dataclass
class Witness:
    """What a log holds: heads that are signed with a key of ours, and how many lines are not."""

    heads: list[Head] = field(default_factory=list)
    unsigned: int = 0


def published_in(lines: Iterable[str], *, keys: Sequence[str] | None = None) -> Witness:
    """Return the heads that a log holds, whatever its format."""
    known = {name_of(key): key for key in (settings.AUDIT_HEAD_KEYS if keys is None else keys)}
    found = Witness()
    for line in lines:
        for told in _told_by_us(line):
            match = HEAD.fullmatch(told)
            key = known.get(match["key"]) if match else None
            if match and key and hmac.compare_digest(match["mac"], signature(match["told"], key)):
                found.heads.append(_read(match))
            else:
                found.unsigned += 1
    return found


def _read(match: re.Match[str]) -> Head:
    trail = None if match["id"] == NOBODY else int(match["id"])
    at = datetime.strptime(match["at"], INSTANT).replace(tzinfo=UTC)
    return Head(trail, unquote(match["practice"]), int(match["sequence"]), match["hash"], at)


WORDS = "audit head "
HEAD = re.compile(
    r"(?P<told>audit head practice=(?P<practice>\S+) id=(?P<id>\d+|-) sequence=(?P<sequence>\d+)"
    r" hash=(?P<hash>[0-9a-f]{64}) at=(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
    r" key=(?P<key>[0-9a-f]{8})) mac=(?P<mac>[0-9a-f]{64})"
)
# What may stand before a record: the mark of whoever collected it, such as syslog's "web[12]: ".
COLLECTED = r"(?:[^\"{]*\]: )?"
LINE = re.compile(
    COLLECTED + r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO practice\.audit (audit head .*)"
)
OBJECT = re.compile(COLLECTED + r"(\{.*\})")
ENVELOPES = ("MESSAGE", "log")  # in which journald's and a container's JSON keep a record


def _told_by_us(line: str, *, opened: bool = False) -> Iterator[str]:
    """What a line tells of a head, if it is a whole record of our logger (config.logs)."""
    line = line.strip()
    if WORDS not in line:
        return
    if match := LINE.fullmatch(line):
        yield match[1]
    elif match := OBJECT.fullmatch(line):
        try:
            record = json.loads(match[1])
        except (ValueError, RecursionError):
            return
        if record.get("logger") == logger.name:
            message = record.get("message")
            if isinstance(message, str) and message.startswith(WORDS):
                yield message
        elif not opened:
            for name in ENVELOPES:
                if isinstance(inside := record.get(name), str):
                    yield from _told_by_us(inside, opened=True)
