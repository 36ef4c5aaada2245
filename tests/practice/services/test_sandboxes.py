"""A supplier's sandbox and real practices are never mixed, whoever writes, loads or counts.

How one is made and reset: tests/demo/test_sandboxes.py.
"""

from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from practice.exceptions import DumpRefused, FilesRefused, GroupRefused, ReturnRefused
from practice.models import AskingWatch, Organisation, Promise, SandboxExchange
from practice.reads import asking, monitoring, promises
from practice.services import sandboxes as service
from practice.services.areas import set_area
from practice.services.audit.recording import Actor
from practice.services.dumps.writing import dump_practice
from practice.services.loading import load_practices
from practice.services.weekly_return import make_return
from workbench.factories import make_organisation, make_schedule, make_slot

pytestmark = pytest.mark.django_db

OPERATOR = Actor(door="command", name="operator")


@pytest.fixture
def sandbox() -> Organisation:
    return make_organisation(ods_code="Y99901", sandbox_of="Mocksoft")


@pytest.mark.parametrize("was", ["", "Mocksoft"])
@pytest.mark.parametrize("becomes", ["", "Another", None])
def test_a_real_practice_never_becomes_a_sandbox_nor_a_sandbox_a_real_one(was, becomes):
    practice = make_organisation(sandbox_of=was)
    same = Organisation.objects.filter(pk=practice.pk)
    if becomes == was:
        assert same.update(sandbox_of=was, name="Renamed") == 1
        return

    with pytest.raises(IntegrityError), transaction.atomic():
        same.update(sandbox_of=becomes)

    assert same.get().sandbox_of == was


def test_the_trigger_that_holds_it_is_there():
    """On SQLite it goes with the table that a migration remakes: call ``hold`` of 0044 again."""
    where = (
        "pg_trigger WHERE tgname"
        if connection.vendor == "postgresql"
        else "sqlite_master WHERE name"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {where} = 'sandbox_stays_one'")
        assert cursor.fetchone() == (1,)


FILE = """\
practice: {ods_code: A00001, name: Specimen Surgery}
"""


@pytest.mark.parametrize(("first", "second"), [("", "Mocksoft"), ("Mocksoft", "")])
def test_a_file_of_the_other_kind_is_not_loaded(first, second):
    def load(sandbox_of):
        now = timezone.now()
        files = {"file": FILE}
        load_practices(files=files, actor=OPERATOR, now=now, sandbox_of=sandbox_of)

    load(first)

    with pytest.raises(FilesRefused, match="and stays one"):
        load(second)
    load(first)
    assert Organisation.objects.get().sandbox_of == first


def test_a_sandbox_is_taken_out_into_no_file(sandbox, tmp_path):
    with pytest.raises(DumpRefused, match="is a sandbox"):
        dump_practice(
            organisation=sandbox,
            path=tmp_path / "dump",
            actor=OPERATOR,
            now=timezone.now(),
            progress=lambda number: None,
        )

    assert not (tmp_path / "dump").exists()


def test_no_return_is_made_of_a_sandbox(sandbox, tmp_path):
    with pytest.raises(ReturnRefused, match="is a sandbox"):
        make_return(
            organisation=sandbox,
            day=date(2026, 11, 2),
            folder=tmp_path,
            actor=OPERATOR,
            now=timezone.now(),
        )


def test_a_sandbox_is_in_no_area(sandbox, practice):
    both = [sandbox, practice.organisation]
    with pytest.raises(GroupRefused, match="Y99901"):
        set_area("Mockshire", practices=both, managers=[], actor=OPERATOR, now=timezone.now())

    with pytest.raises(CommandError, match="Y99901"):
        call_command("set_area", "Mockshire", "--practices", "Y99901")


def test_what_watches_and_counts_practices_leaves_sandboxes_out(sandbox):
    make_slot(make_schedule(organisation=sandbox))
    Promise.objects.create(organisation=sandbox, name="NHS 111", ods_code="Y00123", slots_a_day=1)
    now = timezone.now() - timedelta(hours=1)
    silent = [{"kind": "silent"}]
    AskingWatch.objects.create(organisation=sandbox, findings=silent, began_at=now, read_at=now)

    assert monitoring.diary_ends(now=now) == []
    assert set(monitoring.free_slots_by_day(now=now).values()) == {0}
    assert promises.short_days_by_practice() == {}
    assert promises.versions_of_promising() == {}
    assert asking.findings_by_practice() == {}
    call_command("generate_slots", verbosity=0)
    assert monitoring.generation_ages(now=now) == {}
    assert not sandbox.generation_runs.exists()


@pytest.mark.postgresql
def test_the_database_keeps_nothing_of_a_real_practice_either(practice):
    with pytest.raises(IntegrityError, match="real practice"), transaction.atomic():
        SandboxExchange.objects.create(organisation=practice.organisation, key="x")


def test_the_latest_are_kept_and_long_bodies_cut(sandbox, monkeypatch):
    monkeypatch.setattr(service, "KEPT", 3)
    long = "x" * (service.LONGEST + 5)
    for number in range(5):
        service.keep_exchange(sandbox, f"{number}", service.Passed({}, long, {}, ""))

    kept = SandboxExchange.objects.filter(organisation=sandbox).order_by("pk")
    assert [each.key for each in kept] == ["2", "3", "4"]
    assert kept[0].request_body.endswith("… and 5 characters more")
