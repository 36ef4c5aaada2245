"""Number and seal what was added to the audit trail, and first add what was kept aside."""

import signal
import time
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from practice.services.audit import sealing, spool

PUBLISH_SECONDS = 60  # while looping: often enough for a witness, and no flood


class Command(BaseCommand):
    help = (
        "Take in the audit events that this machine kept aside while the database was away, give"
        " those that wait their numbers and seals, and publish the ends of the trails in the log."
        " Several may run: each trail is sealed by one at a time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--loop",
            type=float,
            nargs="?",
            const=5.0,
            metavar="SECONDS",
            help="go on until stopped, and look again after so many seconds (5): the more events"
            " of a trail are sealed together, the less each of them costs",
        )

    def handle(self, *args: Any, loop: float | None = None, **options: Any) -> None:
        if loop is not None:
            self.go_on(loop)
            return
        self.import_spooled()
        sealed = sealing.seal_everything(now=timezone.now())
        sealing.publish(sealing.heads())
        events, trails = sum(sealed.values()), len(sealed)
        self.stdout.write(f"{events} events sealed in {trails} trails")

    def go_on(self, seconds: float) -> None:
        """Seal until a signal says to stop; a database that is away is waited for."""
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        published: set[sealing.Published] = set()
        due = time.monotonic()
        while not stop.is_set():
            try:
                self.import_spooled()
                sealing.seal_everything(now=timezone.now())
                if time.monotonic() >= due:
                    published = self.publish(published)
                    due = time.monotonic() + PUBLISH_SECONDS
            except DatabaseError as error:
                self.stderr.write(f"sealing failed, trying again: {error}")
            close_old_connections()
            stop.wait(seconds)
        self.publish(published)

    def import_spooled(self) -> None:
        """Take in what was kept aside. If that fails it stays there, and sealing goes on."""
        try:
            taken = spool.import_spooled(now=timezone.now())
        except (DatabaseError, OSError) as error:
            self.stderr.write(f"what was kept aside is not taken in yet: {error}")
        else:
            if taken:
                self.stdout.write(f"{taken} events taken in that were kept aside")

    def publish(self, published: set[sealing.Published]) -> set[sealing.Published]:
        """Publish the heads that are new; return the present ones."""
        present = sealing.heads()
        sealing.publish(head for head in present if head not in published)
        return set(present)
