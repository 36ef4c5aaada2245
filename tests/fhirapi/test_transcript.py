"""What passes over the wire of a sandbox is kept for its supplier, and nowhere else anything."""

import pytest

from practice.models import AuditEvent, SandboxExchange
from practice.services import sandboxes as service
from workbench.consumer import Consumer
from workbench.factories import make_organisation

pytestmark = pytest.mark.django_db


@pytest.fixture
def supplier():
    return Consumer(make_organisation(sandbox_of="Mocksoft"))


def test_answers_in_xml_and_compressed_ones_are_read(supplier):
    supplier.read_metadata(format="xml", headers={"Accept-Encoding": "gzip"})

    kept = SandboxExchange.objects.get()
    assert kept.response_body.startswith("<?xml") or "<CapabilityStatement" in kept.response_body


def test_nothing_is_kept_of_what_is_sent_to_a_real_practice(practice, consumer):
    assert consumer.read_metadata().status_code == 200

    assert not SandboxExchange.objects.exists()
    assert "exchange" not in AuditEvent.objects.get().detail


def test_an_exchange_that_cannot_be_kept_takes_nothing_from_the_answer(supplier, monkeypatch):
    def fail(*args):
        raise RuntimeError("broken")

    monkeypatch.setattr(service, "keep_exchange", fail)

    assert supplier.read_metadata().status_code == 200
    assert AuditEvent.objects.filter(door="gp-connect").count() == 1
