"""Write a practice's whole book as FHIR: arguments in, one call, counts and what is left out."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from fhirapi import ssp
from fhirapi.exchange.outgoing import writing
from fhirapi.exchange.outgoing.writing import Exported, Layout
from practice.exceptions import DumpRefused
from practice.management.operator import (
    BAD_ARGUMENTS,
    DONE,
    SOME_FAILED,
    OperatorCommand,
    operator,
    practices_with,
)
from practice.models import Organisation
from practice.services.dumps.writing import counted


def entries(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if not number:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of entries such as 10000")
    return number


class Command(OperatorCommand):
    help = (
        "Write a practice's whole book as FHIR STU3 into a new folder, for its owner's eyes only: "
        "Organization, Location, Practitioner, PractitionerRole, Patient, Schedule, Slot, "
        "Appointment, with the ids and versions that other organisations know. A report there says "
        "what FHIR has no room for; dump_practice takes all of it. The manifest is written last: a "
        "folder without one is not finished."
    )
    epilog = (
        f"Exit codes: {DONE} written; {SOME_FAILED} it could not be written, and there is no "
        f"folder; {BAD_ARGUMENTS} the arguments are wrong, or there is no such practice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("practice", metavar="ODS")
        parser.add_argument("--to", type=Path, metavar="FOLDER", required=True, help="a new folder")
        parser.add_argument(
            "--ndjson", action="store_true", help="a resource a line, instead of Bundles"
        )
        parser.add_argument(
            "--entries",
            type=entries,
            default=writing.MOST_ENTRIES,
            metavar="N",
            help=f"at most so many in a file; default {writing.MOST_ENTRIES:,}",
        )
        parser.add_argument(
            "--address",
            default=f"https://{next(iter(settings.ALLOWED_HOSTS), 'localhost')}",
            metavar="URL",
            help="what the full addresses in Bundles begin with; default: this server's",
        )
        parser.add_argument("--json", action="store_true", help="the report as JSON on stdout")

    def handle(self, *, practice: str, to: Path, **options: Any) -> None:
        (organisation,) = practices_with([practice])
        hidden = not options["verbosity"] or options["json"] or not sys.stderr.isatty()
        total = None if hidden else counted(organisation)
        root = ssp.service_root(organisation.ods_code, options["address"].rstrip("/"))
        try:
            with tqdm(total=total, unit="resource", disable=hidden, leave=False) as bar:
                done = writing.export_practice(
                    organisation=organisation,
                    folder=to,
                    layout=Layout(root, ndjson=options["ndjson"], most=options["entries"]),
                    actor=operator("export_fhir"),
                    now=timezone.now(),
                    progress=bar.update,
                )
        except DumpRefused as refusal:
            raise CommandError(str(refusal), returncode=SOME_FAILED) from None
        self._tell(organisation, done, to, options)

    def _tell(
        self, organisation: Organisation, done: Exported, folder: Path, options: dict[str, Any]
    ) -> None:
        if options["json"]:
            no_room = [asdict(each) for each in done.no_room]
            report = {"practice": organisation.ods_code, "entries": done.entries}
            self.stdout.write(json.dumps({**report, "no_room": no_room}))
        elif options["verbosity"]:
            for line in writing.told(organisation, done):
                self.stdout.write(line)
            self.stdout.write("")
            self.stdout.write(
                f"Written to {folder}. It holds patients: keep it as you keep a backup."
            )
