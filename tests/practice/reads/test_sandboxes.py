"""Which sandboxes there are, and what was asked of each."""

import pytest
from django.utils import timezone

from practice.models import AuditEvent
from practice.reads import sandboxes as reads
from practice.services.audit.recording import Actor, record
from workbench.factories import make_organisation

pytestmark = pytest.mark.django_db


def asked(organisation, outcome, key, door="gp-connect"):
    actor = Actor(door=door)
    detail = {"exchange": key}
    now = timezone.now()
    record(
        organisation=organisation, actor=actor, event="x", outcome=outcome, now=now, detail=detail
    )


def test_a_removed_sandbox_is_listed_and_not_open(practice):
    sandbox = make_organisation(sandbox_of="Mocksoft")
    removed = make_organisation(sandbox_of="Acme", gp_connect_enabled=False)

    assert list(reads.sandboxes()) == [removed, sandbox]
    assert reads.sandbox_of("Acme") == removed
    assert reads.open_sandbox(sandbox.pk) == sandbox
    assert reads.open_sandbox(removed.pk) is None
    assert reads.open_sandbox(practice.organisation.pk) is None


def test_requests_are_the_latest_of_one_sandbox_and_of_nobody_else(monkeypatch):
    sandbox, other = make_organisation(sandbox_of="A"), make_organisation(sandbox_of="B")
    monkeypatch.setattr(reads, "SHOWN", 3)
    for number, outcome in enumerate(("404", "200", "201", "422")):
        asked(sandbox, outcome, f"{number}")
    asked(other, "500", "theirs")
    asked(sandbox, "ok", "staff", door="staff")

    everything = reads.requests(organisation=sandbox, only_wrong=False)
    wrong = reads.requests(organisation=sandbox, only_wrong=True)

    assert [each.detail["exchange"] for each in everything] == ["3", "2", "1"]
    assert [each.outcome for each in wrong] == ["422"]
    assert reads.request_of("2", organisation=sandbox).outcome == "201"
    assert reads.request_of("0", organisation=sandbox) is None  # long past
    assert reads.request_of("theirs", organisation=sandbox) is None


def test_when_something_was_done_last_is_in_the_trail():
    sandbox = make_organisation(sandbox_of="A")
    assert reads.last_event("x", organisation=sandbox) is None

    asked(sandbox, "200", "1")
    asked(sandbox, "200", "2")

    assert reads.last_event("x", organisation=sandbox) == AuditEvent.objects.latest("pk")
