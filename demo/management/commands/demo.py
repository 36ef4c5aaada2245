"""Make the demo, or go on with it: practices, diary, bookings; then say how to look at it."""

import shlex
import socket
import sys
from collections.abc import Iterator
from contextvars import Context
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import yaml
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import connections
from django.utils import timezone

from demo import above, bookings, consumer, elsewhere, past, rehearsal, sandboxes
from demo import live as calls
from fhirapi import ssp
from practice import clock, terminology
from practice.db.row_security import nothing_said
from practice.management.operator import OperatorCommand, operator
from practice.models import Appointment, AuditEvent, Organisation, Promise, Slot
from practice.reads import sandboxes as reads
from practice.reads.promises import is_promised
from practice.services.asking import watch_who_asks
from practice.services.audit.recording import Actor, record
from practice.services.audit.sealing import seal_everything
from practice.services.promises import make_promise, watch

SUPPLIER = "Mocksoft"  # who has a sandbox in the demo
FOLDER = settings.BASE_DIR / "demo"
NOT_A_PRACTICE = "demographics.yaml"  # the people of the demo's own national record
SHOWN_DAYS = 7  # of the search that is printed: a week from tomorrow, so there is a weekday in it
INCLUDES = (
    "Schedule:actor:Practitioner",
    "Schedule:actor:Location",
    "Location:managingOrganization",
)


class Command(OperatorCommand):
    help = "Load the demo practices, generate eight weeks, book a share, and say how to try it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="where the demo will be served")
        parser.add_argument("--serve", action="store_true", help="serve it, too, when it is ready")
        parser.add_argument(
            "--no-live",
            dest="live",
            action="store_false",
            help="with --serve: let no booking from 111 come in every minute",
        )

    def handle(
        self, *args: Any, port: int, serve: bool = False, live: bool = True, **options: Any
    ) -> None:
        check_port_is_free(port)
        files = sorted(path for path in FOLDER.glob("*.yaml") if path.name != NOT_A_PRACTICE)
        with nothing_said():
            call_command("migrate", verbosity=0)
        call_command("load_practice", *map(str, files), stdout=StringIO())
        call_command("generate_slots", verbosity=0)
        now = timezone.now()
        described = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
        codes = [each["practice"]["ods_code"] for each in described]
        practices = list(Organisation.objects.filter(ods_code__in=codes).order_by("ods_code"))
        for practice in practices:
            past.give_a_past(organisation=practice, actor=operator("demo"), now=now)
            bookings.book_a_share(organisation=practice, now=now)
            bookings.book_together(organisation=practice, now=now)
            bookings.ask_for_earlier_times(organisation=practice, now=now)
            promise_to_others(practice, now=now)
        above.area_and_group(practices, actor=operator("demo"), now=now)
        rehearsal.half_way(organisation=practices[0], actor=operator("demo"))
        sandbox = reads.sandbox_of(SUPPLIER) or sandboxes.make(
            SUPPLIER, actor=operator("demo"), now=now
        )
        address = f"http://127.0.0.1:{port}"
        elsewhere.book_at_each_other(practices, address=address)
        for line in (
            *counted(practices),
            "",
            *addresses(practices, address),
            f"  FHIR   {ssp.service_root(sandbox.ods_code, address)}  {sandbox.name}",
            f"         {address}{sandboxes.page_of(sandbox)}",
            "",
            *logins(described),
            "",
            *tour(practices[0], sandbox, address, now=now),
            "",
            "Free slots of the first one, as a call centre sees them; paste into another terminal:",
            "",
            search(practices[0], address, now=now),
            "",
        ):
            self.stdout.write(line)
        if serve:
            self.serve(practices[0], port, address, live=live)

    def serve(self, practice: Organisation, port: int, address: str, *, live: bool) -> None:
        """Serve until somebody stops it; calls to 111 begin a minute later, and end with it."""
        if live:
            calls.start(calls.caller(practice, address), self.stdout.write)
            self.stdout.write(
                f"From now on 111 books at {practice.name} every minute (make demo LIVE=0: not)."
            )
        connections.close_all()
        # In a context of its own: that of an operator's command reaches every practice.
        Context().run(call_command, "runserver", str(port), use_reloader=False, skip_checks=True)


def promise_to_others(practice: Organisation, *, now: datetime) -> None:
    """What every practice owes 111: more than it offers on some day, so that there is a cause."""
    promise = Promise(
        organisation=practice,
        name="NHS 111",
        ods_code=consumer.CONSUMER_ODS_CODE,
        organisation_type=consumer.CONSUMER_TYPE,
        slots_a_day=6,
    )
    if not is_promised(promise.name, but=None, organisation=practice):
        make_promise(promise, actor=operator("demo"), now=now)
        watch(organisation=practice, now=now)
        who_asked(practice, now=now)


def who_asked(practice: Organisation, *, now: datetime) -> None:
    """The provider of 111 was shown slots; another, whom nobody has named yet, was shown none."""
    for code, name, kinds, shown in (
        (consumer.CONSUMER_ODS_CODE, consumer.CONSUMER_NAME, [consumer.CONSUMER_TYPE], 41),
        (above.NEXT_CODE, above.NEXT_NAME, [], 0),
    ):
        record(
            organisation=practice,
            actor=Actor(door=AuditEvent.Door.GP_CONNECT, organisation=f"{name} ({code})"),
            event=ssp.SEARCH_SLOTS.id,
            outcome=str(ssp.SEARCH_SLOTS.success_status),
            now=now - timedelta(minutes=25),
            detail={
                "organisation_ods_code": code,
                "slots_shown": shown,
                "for_ods_codes": [code],
                "for_organisation_types": kinds,
            },
        )
    seal_everything(now=now)
    watch_who_asks([practice], now=now)


def check_port_is_free(port: int) -> None:
    """Say so now rather than after the instructions for a server that then does not start."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"Port {port} is taken; choose another: make demo PORT={port + 1}"
            ) from error


def counted(practices: list[Organisation]) -> Iterator[str]:
    """What there is to look at."""
    slots = Slot.objects.filter(organisation__in=practices, withdrawn=False).count()
    booked = Appointment.objects.filter(organisation__in=practices).count()
    yield f"The demo: {len(practices)} practices, {slots:,} slots, {booked:,} appointments."


def addresses(practices: list[Organisation], address: str) -> Iterator[str]:
    """Where staff and other systems knock."""
    yield f"  Staff  {address}/admin/"
    yield f"  Developers  {address}/developer/"
    for practice in practices:
        off = "" if practice.gp_connect_enabled else "  (GP Connect is switched off)"
        yield f"  FHIR   {ssp.service_root(practice.ods_code, address)}  {practice.name}{off}"


def logins(described: list[dict[str, Any]]) -> Iterator[str]:
    """Who can log in, from the practice files: user name, password, roles, practices."""
    at: dict[str, list[str]] = {}
    people: dict[str, dict[str, Any]] = {}
    for each in described:
        for person in each.get("staff", []):
            people[person["username"]] = person
            at.setdefault(person["username"], []).append(each["practice"]["name"])
    yield "Demo logins (user name, password):"
    for name, person in people.items():
        what = f"{', '.join(person['roles'])} at {' and '.join(at[name])}"
        yield f"  {name:22} {person['password']:20} {what}"
    yield f"  {above.MANAGER:22} {above.PASSWORD:20} Area manager of {above.AREA}: no patients"


def tour(
    practice: Organisation, sandbox: Organisation, address: str, *, now: datetime
) -> Iterator[str]:
    """Five pages, and what to look at in each."""
    first = (
        Slot.objects.in_diary()
        .free()
        .filter(organisation=practice, gp_connect_bookable=True, start__gt=now)
        .earliest("start")
    )
    asked = f"ods_code={consumer.CONSUMER_ODS_CODE}&organisation_type={consumer.CONSUMER_TYPE}"
    yield f"A tour of five pages of {practice.name}; every password is {above.PASSWORD}:"
    for number, (path, user, what) in enumerate(
        (
            (
                f"/admin/diary/?date={clock.local(first.start).date()}",
                "reception",
                "The day. Leave it open: what 111 books appears by itself, as new.",
            ),
            (
                f"/admin/visibility/?{asked}",
                "manager",
                "Why can 111 not see this? Each reason, and the block that would change it.",
            ),
            (
                "/admin/practice/closure/add/",
                "manager",
                "A clinician is off sick: whom it meets, where they could go, before it is done.",
            ),
            (
                "/admin/audit/",
                "auditor",
                "Who saw a patient, in this building or outside; sealed, so that nothing is lost.",
            ),
            (
                sandboxes.page_of(sandbox),
                "nobody",
                "What a supplier's system sent to its sandbox, and what was wrong with it.",
            ),
        ),
        start=1,
    ):
        who = f"as {user}" if user != "nobody" else "no login"
        yield f"  {number}  {address}{path}"
        yield f"     {who}: {what}"


def search(practice: Organisation, address: str, *, now: datetime) -> str:
    """A curl command that searches the practice's free slots of the coming week."""
    python, script = shlex.quote(sys.executable), shlex.quote(str(settings.BASE_DIR / "manage.py"))
    today = clock.today(now)
    types = terminology.value_set("organisation_type").system
    return consumer.curl(
        ssp.SEARCH_SLOTS,
        organisation=practice,
        service_root=ssp.service_root(practice.ods_code, address),
        token_command=f"DJANGO_DEBUG=1 {python} {script} demo_token",
        query=[
            ("status", "free"),
            ("start", f"ge{today + timedelta(days=1)}"),
            ("end", f"le{today + timedelta(days=SHOWN_DAYS)}"),
            ("_include", "Slot:schedule"),
            *(("_include:recurse", include) for include in INCLUDES),
            ("searchFilter", f"{types}|{consumer.CONSUMER_TYPE}"),
        ],
    )
