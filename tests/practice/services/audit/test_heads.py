"""Heads count as whole records of our logger, signed with a key of ours, and nothing else does."""

import io
import json
import logging
from dataclasses import replace

import pytest
from django.utils import timezone

from config import logs
from practice.services.audit import heads
from practice.services.audit.verifying import Kind
from tests.practice.services.audit.trails import check, forge, sealed_trail

NOW = timezone.now()
HEAD = heads.Head(trail=7, practice="A1", sequence=12, hash="0f" * 32)
NO_TRAIL = heads.Head(trail=None, practice="-", sequence=3, hash="0f" * 32)
OLDER_KEY = "an-older-key-of-the-tests-" + "y" * 32


def written(format, *found, level="INFO", name="practice.audit", message=None):
    """What our own handler writes for these heads, or for a message."""
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.addFilter(logs.MaskNHSNumbers())
    handler.setFormatter(logs.FORMATTERS[format]())
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        heads.publish(found, now=NOW)
        if message is not None:
            logger.log(getattr(logging, level), "%s", message)
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
    return output.getvalue().splitlines()


COLLECTED = {
    "as it is": lambda line: line,
    "syslog": lambda line: f"Nov 28 19:00:00 web1 python[123]: {line}",
    "journald": lambda line: json.dumps({"MESSAGE": line, "_PID": "123"}),
    "a container": lambda line: json.dumps({"log": f"{line}\n", "stream": "stderr"}),
}


@pytest.mark.parametrize("collected", COLLECTED.values(), ids=COLLECTED.keys())
@pytest.mark.parametrize("format", ["line", "json"])
def test_published_heads_are_read_from_logs_of_any_format(format, collected):
    lines = written(format, HEAD, NO_TRAIL, message="something else")

    found = heads.published_in(map(collected, lines))

    assert found.heads == [HEAD, NO_TRAIL]
    assert found.heads[0].at == NOW.replace(microsecond=0)
    assert found.unsigned == 0


def record():
    return heads.record_of(HEAD, now=NOW)


def forged():
    return record().replace("sequence=12", "sequence=9")


@pytest.mark.parametrize("format", ["line", "json"])
@pytest.mark.parametrize(
    ("name", "message", "unsigned"),
    [
        pytest.param("django.request", f"Not Found: /admin/{record()}", 0, id="an address"),
        pytest.param("django.request", record(), 0, id="another logger"),
        pytest.param("django.request", f"x\n{written('line', HEAD)[0]}", 0, id="a line of its own"),
        pytest.param("django.request", json.dumps({"logger": "practice.audit"}), 0, id="an object"),
        pytest.param("practice.audit", f"told: {record()}", 0, id="in another message"),
        pytest.param("practice.audit", f"{record()} and more", 1, id="with more behind it"),
        pytest.param("practice.audit", forged(), 1, id="another number"),
        pytest.param("practice.audit", record().partition(" mac=")[0], 1, id="not signed"),
        pytest.param(
            "practice.audit",
            f"audit head practice=A1 sequence=12 hash={'0f' * 32}",
            1,
            id="of the version before",
        ),
    ],
)
def test_what_only_looks_like_a_head_is_none(format, name, message, unsigned):
    """Strangers choose much of a log: no true trail must fail for it, no forged one pass."""
    lines = written(format, name=name, message=message)

    found = heads.published_in(lines)

    assert (found.heads, found.unsigned) == ([], unsigned)


@pytest.mark.parametrize("format", ["line", "json"])
def test_a_hash_that_looks_like_an_nhs_number_is_published_as_it_is(format):
    """Six of a thousand do; masked, the witness would say nothing of them."""
    head = replace(HEAD, hash="a9476719931f" + "0" * 52)

    assert heads.published_in(written(format, head)).heads == [head]


# ---------------------------------------------------------------- keys


def test_a_key_is_replaced_and_older_heads_still_count(settings):
    newest = settings.AUDIT_HEAD_KEYS
    settings.AUDIT_HEAD_KEYS = [OLDER_KEY]
    lines = written("line", NO_TRAIL)
    settings.AUDIT_HEAD_KEYS = [*newest, OLDER_KEY]
    lines += written("line", HEAD)

    assert heads.published_in(lines).heads == [NO_TRAIL, HEAD]
    assert heads.published_in(lines, keys=newest).heads == [HEAD], "the newest signs"
    assert heads.published_in(lines, keys=newest).unsigned == 1


def test_the_log_does_not_tell_the_key(settings):
    assert settings.AUDIT_HEAD_KEYS[0] not in record()


# ---------------------------------------------------------------- from outside


@pytest.mark.parametrize("tried", ["a forged trail passes", "a true trail fails"])
@pytest.mark.django_db(transaction=True)
def test_an_address_that_spells_a_head_deceives_nobody(client, tried):
    """It needs no account: whatever is asked below staff's door, a refusal is logged."""
    organisation = sealed_trail()
    [truth] = heads.present()
    lines = written("line", *heads.present())
    if tried == "a forged trail passes":
        forge(organisation, keep=4)
        told = heads.present()[0]
        lie = f"audit head practice={told.practice} sequence=6 hash={told.hash}"
    else:
        lie = f"audit head practice={truth.practice} sequence=6 hash={'0f' * 32}"
    with_log = logging.StreamHandler(output := io.StringIO())
    with_log.setFormatter(logs.LineFormatter())
    logging.getLogger("django.request").addHandler(with_log)
    try:
        for door in ("admin", "calendar"):
            client.get(f"/{door}/{lie}.ics")
    finally:
        logging.getLogger("django.request").removeHandler(with_log)
    lines += output.getvalue().splitlines()

    trail = check(organisation, published=heads.published_in(lines).heads)

    found = [(fault.kind, fault.sequence) for fault in trail.faults]
    assert found == ([(Kind.END_REMOVED, 6)] if tried == "a forged trail passes" else [])
