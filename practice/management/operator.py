"""What commands have in common: who runs them, and that all practices are in their reach."""

import getpass
import signal
from collections.abc import Callable, Collection
from threading import Event
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, close_old_connections

from practice.db.row_security import across_practices
from practice.models import AuditEvent, Organisation
from practice.services.audit.recording import Actor

# What most commands end with.
DONE, SOME_FAILED, BAD_ARGUMENTS = 0, 1, 2


def operator(command: str) -> Actor:
    """Describe whoever runs ``command``, for the audit trail."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        name = "unknown"
    door = AuditEvent.Door.COMMAND.value
    return Actor(door=door, user_id=name, name=name, device=f"manage.py {command}")


class OperatorCommand(BaseCommand):
    """A command of ours: whoever may run it has the server, and so every practice.

    ``epilog`` is what its help says at the end: what its exit codes mean.
    """

    epilog: ClassVar[str] = ""

    def create_parser(self, *args: Any, **options: Any) -> CommandParser:
        return super().create_parser(*args, **{"epilog": self.epilog or None, **options})

    def execute(self, *args: Any, **options: Any) -> Any:
        with across_practices():
            return super().execute(*args, **options)

    def until_stopped(self, work: Callable[[], None], *, seconds: float, doing: str) -> None:
        """Do ``work`` every so many seconds, until a signal says to stop.

        A database that is away is waited for: what failed is said, as ``doing``, and done again.
        """
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            try:
                work()
            except DatabaseError as error:
                self.stderr.write(f"{doing} failed, trying again: {error}")
            close_old_connections()
            stop.wait(seconds)


def practices_with(ods_codes: Collection[str] | None) -> list[Organisation]:
    """The practices with these ODS codes, or all real ones (no sandboxes of suppliers); by code.

    Raises CommandError, with the exit code BAD_ARGUMENTS, for codes that no practice has.
    """
    found = Organisation.objects.order_by("ods_code")
    if ods_codes is None:
        return list(found.real())
    wanted = {code.strip().upper() for code in ods_codes}
    found = found.filter(ods_code__in=wanted)
    if missing := wanted - {practice.ods_code for practice in found}:
        raise CommandError(
            f"There is no practice with the ODS code {', '.join(sorted(missing))}.",
            returncode=BAD_ARGUMENTS,
        )
    return list(found)
