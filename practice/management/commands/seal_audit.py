"""Number and seal what was added to the audit trail, and first add what was kept aside."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from practice.management.operator import OperatorCommand
from practice.services.audit import heads, sealing, spool

PUBLISH_SECONDS = 60  # while looping: often enough for a witness, and no flood


class Command(OperatorCommand):
    help = (
        "Take in the audit events that this machine kept aside while the database was away, give"
        " those that wait their numbers and seals, and publish the ends of the trails in the log,"
        " signed (AUDIT_HEAD_KEYS)."
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
        if not settings.AUDIT_HEAD_KEYS:
            raise CommandError("AUDIT_HEAD_KEYS is not set: the ends of trails cannot be signed.")
        if loop is not None:
            self.go_on(loop)
            return
        unreadable = self.import_spooled()
        sealed = sealing.seal_everything(now=timezone.now())
        heads.publish(heads.present(), now=timezone.now())
        events, trails = sum(sealed.values()), len(sealed)
        self.stdout.write(f"{events} events sealed in {trails} trails")
        if unreadable:
            raise CommandError(in_words(unreadable))  # the rest is done

    def go_on(self, seconds: float) -> None:
        """Seal until a signal says to stop, and publish once more then."""
        published: set[heads.Head] = set()
        due = time.monotonic()

        def seal() -> None:
            nonlocal published, due
            self.import_spooled()
            sealing.seal_everything(now=timezone.now())
            if time.monotonic() >= due:
                published = self.publish(published)
                due = time.monotonic() + PUBLISH_SECONDS

        self.until_stopped(seal, seconds=seconds, doing="sealing")
        self.publish(published)

    def import_spooled(self) -> int:
        """Take in what was kept aside; how many lines of it were no events.

        If that fails it stays there, and sealing goes on.
        """
        try:
            done = spool.import_spooled(now=timezone.now())
        except (DatabaseError, OSError) as error:
            self.stderr.write(f"what was kept aside is not taken in yet: {error}")
            return 0
        if done.stored:
            self.stdout.write(f"{done.stored} events taken in that were kept aside")
        if done.unreadable:
            self.stderr.write(in_words(done.unreadable))
        return done.unreadable

    def publish(self, published: set[heads.Head]) -> set[heads.Head]:
        """Publish the heads that are new; return the present ones."""
        present = heads.present()
        heads.publish((head for head in present if head not in published), now=timezone.now())
        return set(present)


def in_words(unreadable: int) -> str:
    """What to say of lines that are no events."""
    return f"{unreadable} lines of the audit spool cannot be read: {spool.spool().unreadable}"
