"""FHIR libraries of Node and Java as they come, through the local proxy and directly.

``make clients``: their packages are fetched into ``var/clients``, once. Skipped, and said so, where
there is no node or java, or nothing to fetch from.
"""

import json
import os
import shutil
import subprocess
from urllib.parse import urlencode

import pytest

from consumer import interactions, times
from consumer.bodies import booking_organisation
from consumer.resources import BOOKING_ORGANISATION, CANCELLATION_REASON, PROFILES
from practice.models import Appointment
from tests.consumer.here import ME
from tests.consumer.journeys import days, search_query
from workbench.paths import ROOT

pytestmark = [pytest.mark.clients, pytest.mark.django_db(transaction=True)]

SOURCES = ROOT / "tests" / "consumer" / "foreign"
FETCHED = ROOT / "var" / "clients"
STEPS = {
    "search": interactions.SEARCH_SLOTS,
    "book": interactions.BOOK_APPOINTMENT,
    "read": interactions.READ_APPOINTMENT,
    "retrieve": interactions.RETRIEVE_APPOINTMENTS,
    "amend": interactions.AMEND_APPOINTMENT,
    "cancel": interactions.CANCEL_APPOINTMENT,
}


def needs(*programs):
    """Skip where one of these programs is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def fetch(*command):
    """Fetch packages; skip where there is no network, and say what was said."""
    done = subprocess.run(command, cwd=FETCHED, capture_output=True, text=True, timeout=600)
    if done.returncode:
        pytest.skip(f"{command[0]} fetched nothing: {(done.stderr or done.stdout)[-300:]}")


@pytest.fixture(scope="session")
def node():
    """How to run the journey of Node."""
    needs("node", "npm")
    FETCHED.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "journey.mjs"):
        shutil.copy(SOURCES / name, FETCHED)
    fetch("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    return ["node", str(FETCHED / "journey.mjs")]


@pytest.fixture(scope="session")
def java():
    """How to run the journey of Java."""
    needs("java", "mvn")
    FETCHED.mkdir(parents=True, exist_ok=True)
    shutil.copy(SOURCES / "pom.xml", FETCHED)
    fetch(
        *("mvn", "--batch-mode", "--quiet", f"-Dmaven.repo.local={FETCHED / 'maven'}"),
        *("dependency:build-classpath", "-Dmdep.outputFile=classpath"),
    )
    path = (FETCHED / "classpath").read_text(encoding="utf-8").strip()
    return ["java", "-cp", path, str(SOURCES / "Journey.java")]


def travel(command, way, patient):
    """Let a program make the journey; what it read."""
    start, end = days()
    both = [f"ge{start}", f"le{end}"]
    journey = {
        "address": way.address,
        "direct": way.is_direct,
        "headers": {word: way.headers(interaction) for word, interaction in STEPS.items()},
        "patient": str(patient.pk),
        "search": search_query(),
        "query": urlencode(search_query()),
        "days": both,
        "daysQuery": urlencode({"start": both}, doseq=True),
        "reason": {"url": CANCELLATION_REASON, "valueString": "Feels better"},
        "appointment": {
            "resourceType": "Appointment",
            "meta": {"profile": [PROFILES["Appointment"]]},
            "contained": [booking_organisation(ME.organisation)],
            "extension": [{"url": BOOKING_ORGANISATION, "valueReference": {"reference": "#1"}}],
            "status": "booked",
            "description": "Cough",
            "created": times.write(times.now()),
        },
    }
    done = subprocess.run(
        command,
        env={**os.environ, "JOURNEY": json.dumps(journey)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def assert_travelled(read, practice):
    """What the program saw, and what became of the one appointment in our own book."""
    held = Appointment.objects.get(organisation=practice.organisation)

    assert read["read"]["id"] == read["retrieved"]["id"] == str(held.pk)
    assert read["cancelled"]["status"] == "cancelled"
    assert (held.patient, held.status) == (practice.patient, "cancelled")
    assert (held.description, held.comment) == ("Cough", "Uses the side door")
    assert held.cancellation_reason == "Feels better"


def test_fhir_kit_client(node, way, practice):
    assert_travelled(travel(node, way, practice.patient), practice)


def test_hapi(java, way, practice):
    assert_travelled(travel(java, way, practice.patient), practice)
