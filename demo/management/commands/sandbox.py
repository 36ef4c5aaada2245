"""Sandboxes of suppliers: made, reset, listed, removed; and what a supplier needs to know."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from demo import sandboxes
from fhirapi import ssp
from practice import terminology
from practice.exceptions import PracticeError
from practice.management.operator import (
    BAD_ARGUMENTS,
    DONE,
    SOME_FAILED,
    OperatorCommand,
    operator,
)
from practice.models import Organisation
from practice.reads import sandboxes as reads
from practice.services.sandboxes import remove


class Command(OperatorCommand):
    help = (
        "Make the sandbox of a supplier: a practice of the demo's, where nobody is real, with a "
        "diary that begins today. Says what the supplier needs to call it."
    )
    epilog = (
        f"Exit codes: {DONE} done; {SOME_FAILED} refused, or a sandbox could not be reset; "
        f"{BAD_ARGUMENTS} there is no such sandbox."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("supplier", nargs="?", metavar="NAME", help="of the supplier")
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--reset", action="store_true", help="make it anew from today; without NAME: all"
        )
        what.add_argument("--list", action="store_true", help="which there are")
        what.add_argument(
            "--remove", action="store_true", help="switch it off, and remove diary and patients"
        )
        parser.add_argument("--ods-code", default="", help="of the sandbox; default: of its name")
        parser.add_argument(
            "--supplier-ods-code",
            default="",
            metavar="ODS",
            help="that its system sends; default: the one of the demo",
        )
        parser.add_argument(
            "--organisation-type",
            default="",
            choices=sorted(terminology.value_set("organisation_type").codes),
            help=f"that it sends; default: {sandboxes.consumer.CONSUMER_TYPE}",
        )
        parser.add_argument(
            "--address", default=usual_address(), help="of this server; default: %(default)s"
        )

    def handle(self, *, supplier: str | None, address: str, **options: Any) -> None:
        address = address.rstrip("/")
        if options["list"]:
            self.say(self.listed(address))
        elif options["reset"]:
            self.reset(found_or_refused(supplier) if supplier else list(in_use()))
        elif not supplier:
            raise CommandError("Say whose sandbox: NAME.", returncode=BAD_ARGUMENTS)
        elif options["remove"]:
            for each in found_or_refused(supplier):
                remove(each, actor=operator("sandbox"), now=timezone.now())
                self.say([f"{each} is switched off, and empty. Its audit trail stays."])
        else:
            self.make(supplier, address, options)

    def make(self, supplier: str, address: str, options: dict[str, Any]) -> None:
        chosen = ("ods_code", "supplier_ods_code", "organisation_type")
        try:
            made = sandboxes.make(
                supplier,
                **{name: options[name] for name in chosen},
                actor=operator("sandbox"),
                now=timezone.now(),
            )
        except PracticeError as refusal:
            raise CommandError(str(refusal), returncode=SOME_FAILED) from None
        self.say(told(made, address))

    def reset(self, organisations: list[Organisation]) -> None:
        """Each by itself: what goes wrong with one keeps no other from being reset."""
        failed = []
        for each in organisations:
            try:
                sandboxes.reset(each, actor=operator("sandbox"), now=timezone.now())
            except Exception as error:
                failed.append(f"{each.sandbox_of} ({error})")
            else:
                self.say([f"{each} was reset."])
        if failed:
            raise CommandError(f"Not reset: {', '.join(failed)}.", returncode=SOME_FAILED)

    def listed(self, address: str) -> Iterator[str]:
        for each in reads.sandboxes():
            where = f"{address}{sandboxes.page_of(each)}" if each.gp_connect_enabled else "removed"
            yield f"{each.sandbox_of}  {each.ods_code}  {where}"

    def say(self, lines: Any) -> None:
        for line in lines:
            self.stdout.write(line)


def usual_address() -> str:
    """Where this installation is reached, as far as its settings say so."""
    named = [host for host in settings.ALLOWED_HOSTS if host[0] not in ".*["]
    if settings.DEBUG or not named:
        return "http://127.0.0.1:8000"
    return f"https://{named[0]}"


def in_use() -> Iterator[Organisation]:
    """Those that were not removed."""
    return (each for each in reads.sandboxes() if each.gp_connect_enabled)


def found_or_refused(supplier: str) -> list[Organisation]:
    """The supplier's sandbox, or a refusal in words."""
    found = reads.sandbox_of(supplier)
    if found is None:
        raise CommandError(f"{supplier} has no sandbox here.", returncode=BAD_ARGUMENTS)
    return [found]


def told(organisation: Organisation, address: str) -> Iterator[str]:
    """What a supplier needs: where to call, as whom, for whom, and where to see what went wrong."""
    now = timezone.now()
    yield f"{organisation}: nobody here is real, and every night it begins again."
    yield ""
    yield f"  FHIR base   {ssp.public_root(organisation.ods_code, address)}"
    yield f"  ASID        {organisation.asid}  (Ssp-To)"
    code, kind = sandboxes.codes_of(organisation)
    yield f"  You send    ODS code {code}, organisation type {kind}"
    yield f"  Transcript  {address}{sandboxes.page_of(organisation)}"
    yield "              what you sent, what was wrong, and a reset; keep the address to yourselves"
    yield ""
    yield "Patients, the same after every reset:"
    for patient in reads.patients(organisation=organisation):
        why = sandboxes.special(patient, now=now)
        who = f"{patient.full_name}, born {patient.birth_date}, Patient/{patient.pk}"
        words = f"{patient.nhs_number}  {who}"
        yield f"  {words}{f'  ({why})' if why else ''}"
    yield ""
    yield "A first call; paste into a terminal:"
    yield ""
    yield sandboxes.example(organisation, address)
