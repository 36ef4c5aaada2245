"""Somebody rings 111 every minute while the demo is served: an open diary says so.

The bookings go through the practice's own interface, over HTTP, as those of any other organisation:
the caller knows NHS numbers and an address, and asks for the patient and for free slots first.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import cycle
from random import Random

from django.utils import timezone

from consumer.client import Client
from consumer.errors import ConsumerError
from consumer.identity import Provider
from demo import consumer
from demo.bookings import patients
from fhirapi import ssp
from practice import clock
from practice.models import Organisation

EVERY = 60  # seconds
AHEAD = timedelta(days=7)
NOTICE = timedelta(minutes=15)
KEPT = 20  # free slots of the coming week that the caller leaves to those who look at the demo
REASONS = ("Earache since last night", "Rash, and a temperature", "Back pain", "Sick for two days")


class Caller:
    """Rings for one person after the other, each once; ``call`` says what became of it."""

    def __init__(self, provider: Provider, nhs_numbers: list[str], client: Client) -> None:
        self.provider = provider
        self.waiting = list(nhs_numbers)
        self.client = client
        self.reasons = cycle(REASONS)

    def call(self, now: datetime) -> str:
        """Book the next free slot for the next person. Raises ConsumerError."""
        if not self.waiting:
            return "111: everybody has rung; no more bookings until the demo is started again"
        start = clock.local(now + NOTICE)
        slots = self.client.search(self.provider, start, start + AHEAD).slots
        if len(slots) <= KEPT:
            return f"111: {len(slots)} slots are left this week; they are kept for you"
        patient = self.client.find_patient(self.provider, self.waiting.pop())
        if patient is None:
            return "111: somebody rang whom the practice does not show to others"
        description = next(self.reasons)
        self.client.book(self.provider, patient.id, slots[:1], description=description)
        with_whom = slots[0].schedule.practitioner
        return f"111 booked {slots[0].start:%A %d %B, %H:%M}, {with_whom and with_whom.name}"


def caller(practice: Organisation, address: str) -> Caller:
    """The demo's consumer, with those patients' numbers whom it may book for."""
    known = patients(practice).filter(sensitive=False)
    numbers = [number for number in known.values_list("nhs_number", flat=True) if number]
    Random(practice.ods_code).shuffle(numbers)
    provider = Provider(ssp.service_root(practice.ods_code, address), practice.asid)
    return Caller(provider, numbers, Client(consumer.OWN))


def ring(caller: Caller, say: Callable[[str], object], *, stopped: threading.Event) -> None:
    """Call every minute until ``stopped``; a call that fails is said, and the next is made."""
    while not stopped.wait(EVERY):
        try:
            say(caller.call(timezone.now()))
        except ConsumerError as error:
            say(f"111: {error}")


def start(caller: Caller, say: Callable[[str], object]) -> threading.Event:
    """Let the calls begin, in a thread that ends with the process; returns what stops them."""
    logging.getLogger("consumer").setLevel(logging.WARNING)
    stopped = threading.Event()
    threading.Thread(
        target=ring, args=(caller, say), kwargs={"stopped": stopped}, daemon=True, name="111"
    ).start()
    return stopped
