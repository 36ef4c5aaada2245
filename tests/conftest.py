"""What every test may ask for, and which tests the chosen database can hold."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase

from fhirapi import jwt, rendered_directory, validation
from practice.db import availability
from practice.models import Location, Organisation, Patient, Practitioner, PractitionerRole
from tests import append_only, migrated, recording, row_security_world
from tests.national_record import NationalRecord
from tests.outages import Away, InVain
from tests.shared import GPCONNECT, MISSING
from workbench import factories
from workbench.consumer import Consumer
from workbench.postgresql import binaries
from workbench.staff import make_roles

# How long one example takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile("without a stopwatch", deadline=None)
hypothesis.settings.load_profile("without a stopwatch")


def pytest_report_header():
    """Say on what this run stands, so that a report can be read later."""
    published = "there" if GPCONNECT.is_dir() else MISSING
    return [f"database: {connection.vendor}", f"published specification data: {published}"]


def pytest_configure(config):
    """Keep what the run finds, if asked to (tests.recording); and let Django empty the database.

    It does that after a test that committed, which the audit trail refuses.

    The roles of staff, which a migration made, are put back, so that the order of tests is free.
    """
    recording.register(config)
    empty = TransactionTestCase._fixture_teardown

    def unprotected(self):
        with append_only.unprotected():
            empty(self)
        make_roles()

    TransactionTestCase._fixture_teardown = unprotected


def pytest_collection_modifyitems(items):
    """Tests that another database is for are skipped, and say so.

    On SQLite those marked ``postgresql``, and most browser tests if a run of them all follows. On
    PostgreSQL those marked ``once``, if the run on SQLite went before.
    A browser test that fails is run once more, and both are reported: Chromium, its page and the
    server take turns as a busy machine lets them, so that one failure in 7,000 would say little.
    """
    for item in items:
        marked = {marker.name for marker in item.iter_markers()}
        if item.path.parent.name == "browser" and not marked & {"pages", "pictures"}:
            item.add_marker(pytest.mark.flaky(reruns=1))
    if connection.vendor == "postgresql":
        for item in items if os.environ.get("SQLITE_WENT_BEFORE") else ():
            if item.get_closest_marker("once"):
                item.add_marker(pytest.mark.skip(reason="on SQLite, where no second wall helps"))
        return
    reason = "needs PostgreSQL: make test, or python -m workbench.postgresql -- pytest"
    follows = bool(os.environ.get("BROWSER_TESTS_FOLLOW")) and binaries() is not None
    for item in items:
        if item.get_closest_marker("postgresql"):
            item.add_marker(pytest.mark.skip(reason=reason))
        elif follows and item.path.parent.name == "browser" and item.path.name not in JOURNEYS:
            item.add_marker(pytest.mark.skip(reason="on PostgreSQL: pages look alike on both"))


# Browser tests that both databases run: booking, planning, closing.
JOURNEYS = {"test_booking.py", "test_templates.py", "test_closing.py"}


def pytest_unconfigure():
    """Remove this process's SQLite files."""
    shutil.rmtree(settings.TEMPORARY_FOLDER, ignore_errors=True)


@pytest.fixture(autouse=True)
def nothing_kept() -> Callable[[], None]:
    """What another test's database held, or could not hold, is not to be found in this one's.

    Call it to forget what this test has seen so far, as a new process would.
    """

    def forget() -> None:
        for resources in (
            rendered_directory.PRACTITIONERS,
            rendered_directory.LOCATIONS,
            rendered_directory.PRACTICES,
        ):
            resources.kept.clear()
        jwt.accepted.kept.clear()
        validation.valid_outlines.kept.clear()

    forget()
    shutil.rmtree(settings.AUDIT_SPOOL, ignore_errors=True)
    return forget


@pytest.fixture
def no_database(monkeypatch) -> Iterator[Away]:
    """The database is away until the test says that it is back, and nobody knows it yet."""
    away = Away()
    monkeypatch.setattr(availability, "outage", away.outage)
    monkeypatch.setattr(availability, "connection", SimpleNamespace(connection=None))
    yield away
    away.end()


@pytest.fixture
def in_vain(no_database) -> InVain:
    """What gets no connection while the database is away."""
    return InVain()


@dataclass(frozen=True)
class Practice:
    """A small world: an enabled practice with a surgery, a GP and a patient."""

    organisation: Organisation
    location: Location
    practitioner: Practitioner
    role: PractitionerRole
    patient: Patient


@pytest.fixture
def practice(db) -> Practice:
    """The practice to which everything belongs that the factories make without being told."""
    organisation = factories.make_organisation()
    practitioner = factories.make_practitioner(organisation)
    return Practice(
        organisation=organisation,
        location=factories.make_location(organisation),
        practitioner=practitioner,
        role=practitioner.roles.get(),
        patient=factories.make_patient(organisation),
    )


@pytest.fixture
def consumer(practice) -> Consumer:
    """A system of another organisation that talks to the small practice."""
    return Consumer(practice.organisation)


@pytest.fixture
def national_record(settings, tmp_path) -> NationalRecord:
    """The national record, which knows nobody yet."""
    path = tmp_path / "people.json"
    settings.DEMOGRAPHICS_FILE = str(path)
    return NationalRecord(path)


# ---------------------------------------------------------------- the second wall


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb, django_db_modify_db_settings) -> bool:
    """On SQLite the database begins as a copy of one that is migrated already, if there is one."""
    if connection.vendor != "sqlite":
        return django_db_keepdb
    return migrated.lay_out(Path(connection.settings_dict["TEST"]["NAME"]))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """On PostgreSQL every request is served as in production: by a role that owns nothing."""
    with django_db_blocker.unblock():
        if connection.vendor == "sqlite":
            migrated.keep()
            return
        row_security_world.make_role(row_security_world.SERVING_ROLE)
    row_security_world.serve_as(row_security_world.SERVING_ROLE)
