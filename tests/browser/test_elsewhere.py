"""Two installations: staff of this one book at the other, which is killed half-way.

The other one is a real process with a database of its own (SQLite, in a file), behind a proxy that
can carry a booking to it and then end both, before the answer.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Page, expect

from practice.models import AuditEvent, RemoteAppointment
from practice.services.elsewhere import wire
from tests.browser.test_booking import NARROW, WIDE
from workbench.elsewhere import make_remote_service
from workbench.paths import ROOT
from workbench.servers import ENOUGH_SECONDS, gunicorn
from workbench.staff import make_staff

ASID = "200000000001"
# What runs in the other installation: it says what it made, or how many appointments stand there.
MAKE = """
import json, sys, django
django.setup()
from django.core.management import call_command
from practice.db.row_security import ALL_PRACTICES, in_reach
in_reach.set(ALL_PRACTICES)
call_command("migrate", verbosity=0)
from workbench.factories import *
asked = json.loads(sys.argv[1])
hub = make_organisation(
    name="Hilltop Hub", gp_connect_enabled=True, appointment_management_enabled=True
)
holder = make_practitioner(hub, prefix="Dr", given_names="Hilda", family_name="Elsewhere")
make_slots(
    4, make_schedule(hub, session_holder=holder), slot_type="Routine", gp_connect_bookable=True
)
make_patient(hub, nhs_number=asked["nhs_number"], birth_date=asked["birth_date"])
print(json.dumps({"ods_code": hub.ods_code, "asid": hub.asid}))
"""
COUNT = """
import django
django.setup()
from practice.db.row_security import ALL_PRACTICES, in_reach
in_reach.set(ALL_PRACTICES)
from practice.models import Appointment
print(Appointment.objects.filter(status="booked").count())
"""


class OtherInstallation:
    """An appointment book on its own, and the proxy before it at one address."""

    def __init__(self, folder: Path, patient: Any) -> None:
        self.environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{folder / 'hub.sqlite3'}",
            "DJANGO_SECRET_KEY": django_settings.SECRET_KEY,
            "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "GPCONNECT_REQUIRE_CLIENT_CERTIFICATE": "0",
            "AUDIT_SPOOL": str(folder / "audit"),
        }
        who = {"nhs_number": patient.nhs_number, "birth_date": str(patient.birth_date)}
        self.practice = json.loads(self.run(MAKE, json.dumps(who)))
        self.running: ExitStack | None = None
        self.process: Any = None
        self.loses_answers = False
        self.proxy = self.make_proxy()

    def run(self, program: str, *arguments: str) -> str:
        """What a program says that runs in this installation."""
        command = [sys.executable, "-c", program, *arguments]
        found = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True
        )
        return found.stdout.strip().splitlines()[-1]

    @property
    def booked(self) -> int:
        return int(self.run(COUNT))

    @property
    def address(self) -> str:
        port, code = self.proxy.server_port, self.practice["ods_code"]
        return f"http://127.0.0.1:{port}/{code}/STU3/1/gpconnect"

    def start(self) -> None:
        self.running = ExitStack()
        self.process = self.running.enter_context(gunicorn(workers=1, environment=self.environment))
        host, port = self.process.address
        with closing(HTTPConnection(host, port, timeout=ENOUGH_SECONDS)) as first:
            first.request("GET", "/health/live")  # so that what follows is not its first
            first.getresponse().read()

    def kill(self) -> None:
        if self.running:
            self.running.close()
        self.running = self.process = None

    def make_proxy(self) -> ThreadingHTTPServer:
        other = self

        class Proxy(BaseHTTPRequestHandler):
            """Hands on what comes; drops the connection where the other end is down or dies."""

            def hand_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if other.process is None:
                    self.close_connection = True
                    return
                host, port = other.process.address
                with closing(HTTPConnection(host, port, timeout=ENOUGH_SECONDS)) as there:
                    there.request(self.command, self.path, body, dict(self.headers.items()))
                    answer = there.getresponse()
                    content = answer.read()
                if self.command == "POST" and other.loses_answers:
                    other.kill()
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name in ("Content-Type", "ETag", "Location", "Content-Encoding"):
                    if value := answer.headers.get(name):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = hand_on  # noqa: N815 - the names it looks for

            def log_message(self, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        return server

    def close(self) -> None:
        self.kill()
        self.proxy.shutdown()
        self.proxy.server_close()


@pytest.fixture
def hub(practice, staff_roles, tmp_path, monkeypatch) -> Iterator[OtherInstallation]:
    """The other installation, running, and entered here beside one that nobody answers at."""
    here = practice.organisation
    here.asid = ASID
    here.save()
    other = OtherInstallation(tmp_path, practice.patient)
    make_remote_service(here, name="Hilltop Hub", base_url=other.address, **other.practice)
    make_remote_service(here, name="Closed Hub")  # at port 9, where nothing listens
    other.start()
    # What is tried here is what is said and kept, on whatever machine; three seconds: test_wire.
    monkeypatch.setattr(wire, "ANSWER_SECONDS", 40)
    for name in ("QUESTION", "CHANGE"):
        monkeypatch.setattr(wire, name, replace(getattr(wire, name), connect=10, total=30))
    yield other
    other.close()


def ask(page: Page, practice: Any) -> None:
    """From the patient's page to the free times of all others."""
    page.goto(f"/admin/practice/patient/{practice.patient.pk}/")
    page.get_by_role("link", name="Book elsewhere…").click()
    page.get_by_role("button", name="Ask for free times").click()
    expect(page.get_by_role("heading", name="Hilltop Hub")).to_be_visible()


def choose(page: Page, time: str) -> None:
    page.get_by_role("link", name=re.compile(f"^Book {time} .* at Hilltop Hub")).click()
    expect(page.get_by_text("Hilltop Hub knows this patient")).to_be_visible()


def book(page: Page, practice: Any) -> None:
    page.get_by_label("Description").fill("Cough")
    page.get_by_role("button", name=f"Book {practice.patient.full_name} there").click()


def looks_right(page: Page, axe: Any, name: str) -> None:
    """For everybody at both sizes, in both themes; with PICTURES naming a folder, drawn there."""
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        page.reload()
        for width in (NARROW, WIDE):
            page.set_viewport_size({"width": width, "height": 900})
            assert axe(page) == [], (name, width, theme)
            assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), (
                name,
                width,
            )
            if folder := os.environ.get("PICTURES"):
                path = Path(folder) / f"elsewhere-{name}.{width}.{theme}.png"
                page.screenshot(path=path, full_page=True)


def test_staff_book_at_another_installation_and_it_is_killed_half_way(page_for, axe, practice, hub):
    """Searched, booked, cancelled; then an answer is lost, and found out, and nothing doubled."""
    page = page_for(make_staff(practice.organisation, first_name="Rita"), WIDE)

    # One that is down is said beside the times of the other.
    ask(page, practice)
    expect(page.get_by_text("Closed Hub does not answer. Nothing was sent")).to_be_visible()
    looks_right(page, axe, "times")
    choose(page, "09:00")
    looks_right(page, axe, "book")
    book(page, practice)
    expect(page.get_by_role("heading", name="Hilltop Hub: booked")).to_be_visible()
    looks_right(page, axe, "booked")
    assert hub.booked == 1

    page.get_by_role("link", name="Cancel there…").click()
    page.get_by_label("Why is it cancelled?").fill("Feels better")
    page.get_by_role("button", name="Cancel it at Hilltop Hub").click()
    expect(page.get_by_role("heading", name="Hilltop Hub: cancelled")).to_be_visible()
    assert hub.booked == 0

    # The booking arrives there, and the other end dies before it can say so.
    ask(page, practice)
    choose(page, "09:10")
    hub.loses_answers = True
    book(page, practice)
    unknown = page.get_by_role("heading", name="not known yet whether it is booked")
    expect(unknown).to_be_visible()
    looks_right(page, axe, "not-known")
    assert hub.booked == 1

    # While it is down that is said, and nothing is lost.
    page.get_by_role("button", name="Find out").click()
    expect(page.get_by_text("Hilltop Hub does not answer.")).to_be_visible()
    expect(unknown).to_be_visible()

    # Going back and pressing again sends nothing.
    page.goto(f"/admin/practice/patient/{practice.patient.pk}/")
    expect(page.get_by_text("Not known yet whether it is booked")).to_be_visible()
    looks_right(page, axe, "patient")

    hub.loses_answers = False
    hub.start()
    page.get_by_role("link", name=re.compile("^Find out… Hilltop Hub")).click()
    page.get_by_role("button", name="Find out").click()
    expect(page.get_by_role("heading", name="Hilltop Hub: booked")).to_be_visible()
    assert hub.booked == 1
    assert [each.state for each in RemoteAppointment.objects.order_by("pk")] == [
        "cancelled", "booked",
    ]  # fmt: skip
    events = AuditEvent.objects.filter(
        event__startswith="elsewhere.", patient_id=practice.patient.pk
    )
    assert {"elsewhere.searched", "elsewhere.sent", "elsewhere.not_known"} <= {
        each.event for each in events
    }
