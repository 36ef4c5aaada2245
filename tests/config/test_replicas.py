"""Reads from streaming replicas: which they are, and what a replica may do wrong at no cost.

The second half runs a real primary with a real streaming replica and kills, stops and starts it.
"""

import importlib
import signal
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, OperationalError, router
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from config import replicas
from fhirapi import ssp
from practice import clock
from practice.db.replicas import current, from_replica
from practice.models import AccessProfile, Organisation, Slot
from tests.chaos.broken import Broken, answered, wait_for
from tests.test_house import routes
from workbench.cluster import Cluster, cluster
from workbench.consumer import as_dict, spine_code
from workbench.factories import make_slot
from workbench.paths import ROOT
from workbench.postgresql import MISSING, binaries
from workbench.servers import Address, NetworkClient
from workbench.staff import make_staff

# ---------------------------------------------------------------- what may be stale


class Watching:
    """A router that changes nothing, and notes what was read and written in a stale reading."""

    def __init__(self):
        self.stale, self.fresh, self.written = [], [], []

    def db_for_read(self, model, **hints):
        (self.stale if current.get() else self.fresh).append(model)

    def db_for_write(self, model, **hints):
        if current.get():
            self.written.append(model)


@pytest.fixture
def watching(monkeypatch):
    watching = Watching()
    monkeypatch.setattr(router, "routers", [watching])
    return watching


def test_a_search_and_the_directory_may_be_stale_and_no_other_interaction():
    """Who has booked must find it: appointments are read where they are written."""
    declared = {view for view in routes() if view.may_be_stale}

    assert {each for view in declared for each in view.interactions.values()} == {
        ssp.SEARCH_SLOTS,
        ssp.FIND_PRACTITIONER,
        ssp.READ_PRACTITIONER,
        ssp.FIND_ORGANISATION,
        ssp.READ_ORGANISATION,
        ssp.READ_LOCATION,
    }


@pytest.mark.req("ENA-007")
@pytest.mark.django_db
def test_whether_a_practice_is_enabled_is_read_from_the_primary(consumer, watching):
    make_slot()
    watching.fresh.clear()

    found = consumer.search_slots(this_week())

    assert as_dict(found)["entry"]
    assert Slot in watching.stale
    assert watching.fresh == [Organisation, AccessProfile]  # who may book, no older either
    assert watching.written == []


@pytest.mark.django_db
def test_the_figures_of_the_utilisation_page_may_be_stale_but_not_who_reads_it(
    practice, client, watching
):
    client.force_login(make_staff(practice.organisation))

    assert client.get("/admin/utilisation/").status_code == 200

    assert Slot in watching.stale
    assert Slot not in watching.fresh
    assert {"User", "Session", "Membership"}.isdisjoint(each.__name__ for each in watching.stale)
    assert watching.written == []


def this_week():
    today = clock.today(timezone.now())
    days = {"start": f"ge{today}", "end": f"le{today + timedelta(days=6)}"}
    return {**days, "status": "free", "_include": "Slot:schedule"}


# ---------------------------------------------------------------- how far behind


@pytest.fixture
def seen(monkeypatch):
    """A primary and a replica, in numbers: how much was written, how much is there, what time."""
    seen = SimpleNamespace(now=1000.0, flushed=100, replayed=100)
    answers = {replicas.FLUSHED: "flushed", replicas.REPLAYED: "replayed"}
    monkeypatch.setattr(replicas, "ask", lambda alias, question: getattr(seen, answers[question]))
    monkeypatch.setattr(replicas, "monotonic", lambda: seen.now)
    seen.replica = replicas.Replica("replica_1", most_lag=10)

    def look(seconds, written=0, replayed=0):
        for _ in range(seconds):
            seen.now += 1
            seen.flushed += written
            seen.replayed += replayed
            seen.replica.look()
        return seen.replica

    seen.look = look
    return seen


def test_a_replica_that_nobody_has_looked_at_is_not_asked(seen):
    assert not seen.replica.may_be_asked()


def test_a_primary_that_writes_nothing_puts_no_replica_behind(seen):
    replica = seen.look(3600)

    assert (replica.lag(), replica.may_be_asked()) == (0, True)


def test_a_replica_that_is_cut_off_falls_behind_though_it_has_replayed_all_it_got(seen):
    seen.look(60, written=7, replayed=7)

    assert seen.look(10, written=7).may_be_asked()
    assert not seen.look(1, written=7).may_be_asked()
    assert seen.look(1, replayed=11 * 7).lag() == 0


def test_a_replica_that_can_no_longer_be_looked_at_falls_behind(seen):
    """As when the thread that looks hangs in its connection."""
    assert seen.look(60).may_be_asked()

    seen.now += 11

    assert not seen.replica.may_be_asked()


def test_a_server_that_replays_nothing_is_no_replica(seen):
    """Such as one that was promoted, while the primary is still there."""
    seen.replayed = None

    with pytest.raises(Error, match="no replica"):
        seen.replica.look()


def test_a_replica_that_failed_is_left_alone_and_that_is_said_once(seen, caplog):
    seen.look(60)

    seen.replica.failed(OperationalError("connection refused"))
    seen.replica.failed(OperationalError("connection refused"))

    assert not seen.replica.may_be_asked()
    assert seen.replica.rests_until == seen.now + replicas.REST_SECONDS
    assert [record.getMessage() for record in caplog.records] == [
        "replica_1 does not answer, the primary does: connection refused"
    ]


def test_of_several_replicas_those_are_asked_that_are_near(seen, monkeypatch):
    near, lost = seen.look(60), replicas.Replica("replica_2", most_lag=10)
    monkeypatch.setattr(replicas, "watched", lambda: (near, lost))

    def answers():
        return {from_replica(lambda: replicas.Router().db_for_read(Slot)) for _ in range(20)}

    assert answers() == {"replica_1"}
    near.failed(OperationalError("connection refused"))
    assert answers() == {"default"}


def test_one_reading_is_answered_by_one_database_even_if_it_falls_behind_meanwhile(
    seen, monkeypatch
):
    monkeypatch.setattr(replicas, "watched", lambda: (seen.replica,))
    router = replicas.Router()
    seen.look(60)

    def read():
        first = router.db_for_read(Slot)
        seen.now += 3600
        return first, router.db_for_read(Organisation)

    assert from_replica(read) == ("replica_1", "replica_1")


def test_a_thread_that_looks_no_longer_is_started_again(monkeypatch):
    """As in a process that was forked off, to which the thread does not go along."""
    started = []
    replica = replicas.Replica("replica_1", most_lag=10)
    monkeypatch.setattr(replica, "_keep_looking", lambda: started.append(True))

    for _ in range(2):
        replica.watch()
        replica.watcher.join(10)

    assert started == [True, True]


def test_whatever_is_loaded_from_a_replica_is_written_to_the_primary():
    loaded = Organisation()
    loaded._state.db = "replica_1"

    assert replicas.Router().db_for_write(Organisation, instance=loaded) == "default"
    assert replicas.Router().db_for_read(Organisation, instance=loaded) == "default"


@pytest.mark.parametrize(
    ("database", "replica"),
    [
        ("sqlite:///primary.sqlite3", "postgresql://host/name"),
        ("postgresql://host/name", "sqlite:///replica.sqlite3"),
    ],
)
def test_only_postgresql_has_replicas(monkeypatch, database, replica):
    from config import settings as module

    with monkeypatch.context() as environment:
        environment.setenv("DATABASE_URL", database)
        environment.setenv("DATABASE_REPLICA_URL", replica)
        with pytest.raises(ImproperlyConfigured, match="DATABASE_REPLICA_URL"):
            importlib.reload(module)
    importlib.reload(module)


# ---------------------------------------------------------------- a real one

MOST_LAG = 6  # seconds

WEEK = timedelta(days=6)


def real_ones(test):
    """Once in ``make test``: they run on servers of their own, whatever the others run on."""
    skipped = pytest.mark.skipif(binaries() is None, reason=MISSING)
    return pytest.mark.postgresql(skipped(test))


class Pair(Broken):
    """A primary with its replica, which is read by a role of its own, and nothing but read."""

    replica: Cluster
    address: Address

    @contextmanager
    def served(self):
        reader = self.replica.url.replace("//postgres@", "//appointments_reader@")
        environment = {
            "DATABASE_REPLICA_URL": reader,
            "DATABASE_REPLICA_MOST_LAG_SECONDS": str(MOST_LAG),
            "DJANGO_LOG_LEVEL": "WARNING",
            "METRICS_TOKEN": "s3cret",
        }
        with super().served(workers=1, environment=environment) as running:
            self.address = running.address
            wait_for(lambda: self.replicas()["status"] == "ok")
            yield running

    def get(self, path, **headers):
        client = NetworkClient(self.address)
        answer = client.generic("GET", path, data=b"", content_type="", headers=headers)
        client.close()
        return answer

    def replicas(self):
        return as_dict(self.get("/health/ready"))["checks"]["replicas"]

    def counted(self, name):
        """The samples of a metric, by label."""
        exposed = self.get("/metrics", Authorization="Bearer s3cret").content.decode()
        return Counter(
            {
                next(iter(sample.labels.values())): sample.value
                for family in text_string_to_metric_families(exposed)
                for sample in family.samples
                if sample.name == name
            }
        )

    def stale_reads(self):
        return self.counted("gpconnect_stale_reads_total")

    def offered(self):
        """The slots that a search finds."""
        found = self.search(self.address)
        assert found.status_code == 200
        resources = [entry["resource"] for entry in as_dict(found).get("entry", [])]
        return {int(each["id"]) for each in resources if each["resourceType"] == "Slot"}


@pytest.fixture(scope="module")
def pair():
    settings = {"fsync": "off", "wal_keep_size": "64MB"}
    with cluster(settings=settings) as primary:
        pair = Pair(primary, print)
        pair.fill(slots=20)
        rights = ROOT / "deploy" / "postgresql" / "replica_rights.sql"
        primary.tell("CREATE ROLE appointments_reader LOGIN", rights.read_text("utf-8"))
        with cluster(settings=settings, replica_of=primary) as pair.replica:
            yield pair


@real_ones
def test_a_stale_search_can_only_lead_to_a_clean_refusal(pair):
    slot, patient = pair.world.slots[0], pair.world.patients[0]
    today = clock.today(timezone.now())
    with pair.served() as running:
        consumer = pair.consumer(running.address)
        pair.replica.tell("SELECT pg_wal_replay_pause()")
        wait_for(lambda: pair.replica.ask("SELECT pg_get_wal_replay_pause_state()") == ["paused"])
        try:
            booked = pair.book(running.address, slot)
            offered = pair.offered()
            again = pair.book(running.address, slot)
            read = consumer.read_appointment(as_dict(booked)["id"])
            retrieved = consumer.retrieve(patient.pk, today, today + WEEK)
            behind = wait_for(lambda: slot.pk not in pair.offered(), seconds=2 * MOST_LAG)
            health = pair.replicas()
        finally:
            pair.replica.tell("SELECT pg_wal_replay_resume()")
        before = pair.stale_reads()
        wait_for(lambda: pair.replicas()["status"] == "ok")
        afterwards = pair.offered()
        asked = pair.stale_reads() - before

    assert booked.status_code == 201
    assert slot.pk in offered, "the replica did not answer, or knew of the booking"
    assert (again.status_code, spine_code(again)) == (409, "DUPLICATE_REJECTED")
    assert read.status_code == 200
    assert len(as_dict(retrieved)["entry"]) == 1
    assert 0 < behind <= MOST_LAG + 1
    assert health["status"] == "warning"
    assert slot.pk not in afterwards
    assert asked == {"replica_1": 1}
    assert pair.booked()[slot.pk] == 1


@real_ones
def test_the_reader_may_read_what_it_is_asked_and_nothing_of_people(pair):
    organisation = pair.world.organisation
    code = (
        "from django.test import Client;from practice.models import Location, Organisation;"
        "from practice.db.row_security import ALL_PRACTICES, in_reach;in_reach.set(ALL_PRACTICES);"
        "from workbench.factories import make_practitioner;from workbench.staff import make_staff;"
        "here = Organisation.objects.get(); client = Client();"
        "client.force_login(make_staff(here));"
        "someone = make_practitioner(here);"
        "print(client.cookies['sessionid'].value, here.pk, Location.objects.get().pk,"
        " someone.pk, someone.sds_user_id)"
    )
    told = pair.run("manage.py", "shell", "--no-imports", "--command", code).stdout
    session, practice, place, practitioner, sds_user_id = told.split()
    with pair.served() as running:
        consumer = pair.consumer(running.address)
        wait_for(lambda: consumer.read_practitioner(practitioner).status_code == 200)
        before = pair.stale_reads()
        answers = [
            consumer.search_slots(this_week()),
            consumer.find_practitioner(sds_user_id),
            consumer.read_practitioner(practitioner),
            consumer.find_organisation(organisation.ods_code),
            consumer.read_organisation(practice),
            consumer.read_location(place),
            pair.get("/admin/utilisation/", Cookie=f"sessionid={session}"),
        ]
        asked = pair.stale_reads() - before
        lost = pair.counted("gpconnect_replica_lost_total")

    assert [answer.status_code for answer in answers] == [200] * 7
    assert asked == {"replica_1": 7}
    assert not lost
    with pair.replica.connect() as connection:
        connection.execute("SET ROLE appointments_reader")
        for table in ("practice_patient", "practice_auditevent", "auth_user"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {table}")


@real_ones
def test_a_replica_that_keeps_readers_waiting_is_not_waited_for(pair):
    """It holds a lock that the primary has released, as it does not hear of that."""
    held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
    with pair.served() as running:
        with pair.database.connect() as migration, migration.transaction(force_rollback=True):
            migration.execute("LOCK TABLE practice_slot")
            wait_for(lambda: pair.replica.ask(held) == [1])
            pair.replica.tell("SELECT pg_wal_replay_pause()")
        try:
            answer = pair.search(running.address)
        finally:
            pair.replica.tell("SELECT pg_wal_replay_resume()")
        lost = pair.counted("gpconnect_replica_lost_total")
        said = [line for line in running.output() if "config.replicas" in line]

    assert answer.status_code == 200
    assert lost == {"replica_1": 1}
    assert "statement timeout" in said[0]


@real_ones
def test_a_replica_that_is_gone_costs_nothing_but_speed_and_is_used_again_when_it_is_back(pair):
    answers, ended = [], threading.Event()

    def keep_searching():
        while not ended.is_set():
            answers.append(pair.search(pair.address))

    with pair.served() as running:
        threads = [threading.Thread(target=keep_searching) for _ in range(3)]
        for thread in threads:
            thread.start()
        wait_for(lambda: pair.stale_reads()["replica_1"] > 10)
        pair.replica.stop(signal.SIGQUIT)
        try:
            wait_for(lambda: pair.replicas()["status"] == "warning")
            without = pair.stale_reads()
            wait_for(lambda: pair.stale_reads()["default"] > without["default"] + 10)
        finally:
            pair.replica.start()
        back = pair.stale_reads()["replica_1"]
        wait_for(lambda: pair.stale_reads()["replica_1"] > back + 10)
        ended.set()
        for thread in threads:
            thread.join(60)
        health, lost = pair.replicas(), pair.counted("gpconnect_replica_lost_total")
        said = [line for line in running.output() if "config.replicas" in line]
        processes = len(running.served)

    assert Counter(map(answered, answers)) == {200: len(answers)}
    assert processes == 1
    assert health["status"] == "ok"
    assert lost == {"replica_1": 1}
    assert len(said) == 2, said
    assert "replica_1 does not answer" in said[0]
    assert "replica_1 answers again" in said[1]
