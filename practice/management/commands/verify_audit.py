"""Prove that the audit trail is whole, or name the first broken record."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from practice.management.operator import OperatorCommand
from practice.reads.directory import practice_by_ods_code
from practice.services.audit import heads, verifying
from practice.services.audit.heads import Head
from practice.services.audit.verifying import Trail

SHOWN = 20  # faults of one trail


class Command(OperatorCommand):
    help = (
        "Check numbers, seals and hashes of the audit trail, and name the first broken record."
        " Exit code 0: whole; 1: broken, or it could not be checked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--practice", metavar="ODS", help="only this practice's trail")
        parser.add_argument(
            "--heads",
            type=Path,
            metavar="LOG",
            help="a log in which seal_audit published the ends of the trails: they must fit",
        )
        parser.add_argument(
            "--export",
            type=Path,
            metavar="FILE",
            help="check a whole trail that export_audit --format json wrote, and no database",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, practice: str | None = None, **options: Any) -> None:
        organisation = practice_by_ods_code(practice) if practice else None
        if practice and organisation is None:
            raise CommandError(f"No practice has the ODS code {practice}.")
        published = self.published_in(options["heads"]) if options["heads"] else []
        if options["export"]:
            trails = [self.exported(options["export"], published)]
        else:
            trails = verifying.verify(organisation=organisation, published=published)
        now = timezone.now()
        if options["json"]:
            self.stdout.write(json.dumps({"trails": [as_json(t, now) for t in trails]}))
        else:
            for trail in trails:
                self.report(trail, now)
        broken = [trail for trail in trails if trail.faults]
        if broken:
            first = broken[0]
            raise CommandError(f"The trail of {first.practice} is broken: {first.faults[0]}")

    def report(self, trail: Trail, now: datetime) -> None:
        state = f"{len(trail.faults)} FAULTS" if trail.faults else "whole"
        waiting = trail.waiting
        behind = f", the oldest for {waiting.seconds(now):.0f} s" if waiting.waiting else ""
        self.stdout.write(
            f"{trail.practice}: {state}, {trail.sealed} events sealed,"
            f" {waiting.waiting} waiting{behind}"
        )
        for fault in trail.faults[:SHOWN]:
            self.stdout.write(f"  {fault}")
        if len(trail.faults) > SHOWN:
            self.stdout.write(f"  and {len(trail.faults) - SHOWN} more")
        for warning in trail.warnings:
            self.stdout.write(f"  note: {warning}")

    def exported(self, file: Path, published: list[Head]) -> Trail:
        """The trail that a file holds."""
        try:
            with file.open(encoding="utf-8") as lines:
                return verifying.verify_export(lines, name=file.name, published=published)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        except ValueError as error:  # what is no UTF-8 too
            raise CommandError(f"{file}: {error}") from None

    def published_in(self, log: Path) -> list[Head]:
        """The heads that a log holds. A log without any proves nothing, and is refused."""
        if not settings.AUDIT_HEAD_KEYS:
            raise CommandError("AUDIT_HEAD_KEYS is not set: no published head can be read.")
        try:
            with log.open(encoding="utf-8", errors="replace") as lines:
                found = heads.published_in(lines)
        except OSError as error:
            raise CommandError(f"{log}: {error.strerror}") from error
        if found.unsigned:
            self.stderr.write(
                f"{log}: {found.unsigned} heads are signed with none of AUDIT_HEAD_KEYS, and do not"
                " count: of an older version or key, or written by somebody else."
            )
        if not found.heads:
            raise CommandError(f"{log}: there is no published head in it.")
        return found.heads


def as_json(trail: Trail, now: datetime) -> dict[str, Any]:
    """A trail as verify_audit --json prints it."""
    return {
        "practice": trail.practice,
        "whole": not trail.faults,
        "sealed": trail.sealed,
        "hash": trail.hash,
        "waiting": trail.waiting.waiting,
        "oldest_waiting_seconds": round(trail.waiting.seconds(now), 1),
        "first_fault": asdict(trail.faults[0]) if trail.faults else None,
        "faults": [asdict(fault) for fault in trail.faults[:SHOWN]],
        "fault_count": len(trail.faults),
        "warnings": trail.warnings,
    }
