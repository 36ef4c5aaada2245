"""What happens when things break: they are really broken here, and the diary is asked afterwards.

``make chaos`` runs these; they are too slow for ``make test``. Each has a PostgreSQL server and
gunicorn processes of its own, prints what was injected and what held, and ends with check_diary and
verify_audit.
"""

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from typing import Any

import psycopg
import pytest

from practice.db.availability import Outage
from tests.chaos.broken import (
    CHAOS,
    Broken,
    Load,
    answered,
    assert_clean,
    timed,
    try_to,
    wait_for,
)
from workbench.cluster import cluster

pytestmark = CHAOS


# ---------------------------------------------------------------- the database goes away


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_the_database_goes_and_comes_back_under_load(broken, say, how):
    down_seconds = 8
    with broken.served(workers=2, threads=4) as running:
        load = Load(broken, running.address)
        time.sleep(3)
        before = time.monotonic()
        broken.database.stop(how)
        gone = time.monotonic()
        time.sleep(down_seconds)
        meanwhile = try_to(lambda: broken.search(running.address))
        seconds, page = timed(lambda: try_to(lambda: broken.open_page(running.address)))
        back = time.monotonic()
        broken.database.start()
        recovered = wait_for(lambda: answered(broken.search(running.address)) == 200)
        time.sleep(4)
        late = load.told(since=time.monotonic() - 2)
        load.end()
        workers = len(running.served)

    outage = load.told(gone + 0.5, back)
    waited = load.seconds(gone + 0.5, back)
    fast = sum(seconds < 1 for seconds in waited)
    say(f"injected: PostgreSQL {how.name} under load, {down_seconds} s without it, then started")
    say(f"answers before {dict(load.told(until=before))}, without it {dict(outage)}")
    say(f"held: {fast} of {len(waited)} told so within 1 s, the slowest after {waited[-1]:.1f} s")
    say(f"held: served again {recovered:.1f} s after the start, by the same {workers} processes")
    for _, _, answer in load.answers:
        assert_clean(answer)
    assert answered(meanwhile) == 503
    say(f"held: a member of staff is told {answered(page)} in words after {seconds:.2f} s")
    assert answered(page) == 503
    assert b"The appointment book cannot be reached" in page.content
    assert seconds < 5
    assert set(outage) == {503}
    assert waited[-1] < 5, "nobody waits for the pool twice"
    assert fast > len(waited) / 2, "one request waits, and not every thread"
    assert workers == 2
    assert late[200], "searches succeed again"
    assert not {500, 503, None} & set(late), late
    held = broken.booked()
    assert set(held.values()) <= {1}
    assert set(load.booked) <= set(held), "whoever was told 201 has the slot"
    say(f"held: {len(load.booked)} times 201, {len(held)} slots taken, none twice")
    broken.check()
    broken.check_all_are_recorded(answer for _, _, answer in load.answers)


def test_strangers_who_need_no_database_do_not_prolong_an_outage(broken, say):
    """Whoever comes by, each process finds out by itself within a pause that it is back."""
    down_seconds, bound = 8, Outage.PAUSE_SECONDS + 0.5
    ended = threading.Event()
    strangers: Counter[Any] = Counter()

    def knock() -> None:
        while not ended.wait(0.1):
            strangers.update(map(answered, broken.knock(running.address)))

    with broken.served(workers=1, threads=4) as running:
        knocking = [threading.Thread(target=knock) for _ in range(2)]
        for thread in knocking:
            thread.start()
        broken.database.stop()
        begun = time.monotonic()
        refused = []
        while time.monotonic() - begun < down_seconds:
            refused.append(broken.search(running.address))
            time.sleep(0.2)
        broken.database.start()
        time.sleep(bound)
        back = [broken.search(running.address) for _ in range(20)]
        ended.set()
        for thread in knocking:
            thread.join(60)

    say(f"injected: {down_seconds} s without PostgreSQL, and strangers at the sign-in page")
    say(f"answers without it {dict(Counter(map(answered, refused)))}, strangers {dict(strangers)}")
    for answer in (*refused, *back):
        assert_clean(answer)
    assert set(map(answered, refused)) == {503}
    assert strangers.total() > 5 * down_seconds
    assert list(map(answered, back)) == [200] * len(back)
    say(f"held: {bound} s after the start the first search was answered, and every other")
    broken.check()
    broken.check_all_are_recorded((*refused, *back))


# ---------------------------------------------------------------- the process dies


def test_the_web_process_is_killed_at_each_step_of_a_booking(broken, say, tmp_path):
    log = tmp_path / "steps"
    slots = iter(broken.world.slots)
    outcomes: list[str] = []
    with broken.served(
        workers=1,
        threads=1,
        application="tests.chaos.wsgi",
        environment={"CHAOS_LOG": str(log)},
    ) as running:
        for step in range(1, 100):
            slot = next(slots)
            answer = broken.book(running.address, slot, **{"X-Chaos-Kill": str(step)})
            if answered(answer) == 201:
                break  # more steps than there are
            assert answer is None, f"step {step}: {answer.status_code} {answer.content}"
            died_at = log.read_text().splitlines()[-1]
            whole = broken.booked().get(slot.pk, 0)
            # Nobody was told; so either nothing is there, or all of it, and the retry says so.
            again = None
            wait_for(lambda: answered(broken.search(running.address)) == 200)
            again = broken.book(running.address, slot)
            assert answered(again) == (409 if whole else 201), died_at
            outcomes.append(f"{died_at}: {'booked' if whole else 'nothing'}")

    say(f"injected: SIGKILL of the worker before each of {len(outcomes)} steps of a booking")
    for outcome in outcomes:
        say(f"  {outcome}")
    assert len(outcomes) > 8
    after = [index for index, each in enumerate(outcomes) if "after COMMIT" in each]
    assert after, "a COMMIT was among the steps"
    kept = [each.endswith("booked") for each in outcomes]
    assert kept == sorted(kept), "nothing before the COMMIT is kept, and everything after it"
    assert kept[-1]
    assert set(broken.booked().values()) == {1}
    say("held: nothing at all before the COMMIT, the whole booking after it; the retry says which")
    broken.check()


def test_all_web_processes_are_killed_under_load(broken, say):
    with broken.served(workers=2, threads=4) as running:
        load = Load(broken, running.address)
        for _ in range(3):
            time.sleep(1.5)
            children = subprocess.run(
                ["ps", "-o", "pid=", "--ppid", str(running.process.pid)],
                capture_output=True,
                text=True,
            ).stdout.split()
            for pid in children:
                os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.5)
        recovered = wait_for(lambda: answered(broken.search(running.address)) == 200)
        time.sleep(1)
        load.end()

    say("injected: SIGKILL of both workers, three times, under load")
    say(f"answers {dict(load.told())} (None: the connection broke); back in {recovered:.1f} s")
    for _, _, answer in load.answers:
        assert_clean(answer)
    assert not {500, 503} & set(load.told())
    held = broken.booked()
    assert set(held.values()) <= {1}
    assert set(load.booked) <= set(held)
    say(f"held: {len(load.booked)} times 201, {len(held)} slots taken, none twice")
    broken.check()
    broken.check_all_are_recorded(answer for _, _, answer in load.answers)


# ---------------------------------------------------------------- nothing can be written


def test_the_database_becomes_read_only(broken, say):
    slots = iter(broken.world.slots)
    with broken.served(workers=1) as running:
        assert answered(broken.book(running.address, next(slots))) == 201
        broken.database.tell(
            "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"
        )
        time.sleep(1)
        answers = [broken.book(running.address, next(slots)) for _ in range(5)]
        searched = broken.search(running.address)
        with broken.database.connect(options="-c default_transaction_read_only=off") as connection:
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")
        time.sleep(1)
        last = broken.book(running.address, next(slots))

    say("injected: the database read-only, as after a failover to a replica, and then not")
    told = Counter(map(answered, answers))
    say(f"answers: bookings {dict(told)}, a search {answered(searched)}")
    for answer in (*answers, searched):
        assert_clean(answer)
    assert set(told) == {503}
    assert answered(searched) == 503, "what cannot be recorded is not shown"
    assert answered(last) == 201
    assert len(broken.booked()) == 2
    say("held: nothing half-booked, and bookings again without a restart")
    broken.check()
    broken.check_all_are_recorded([*answers, searched, last])


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk can be mounted by root only")
def test_the_disk_is_full(say):
    with cluster(megabytes=110) as database:
        broken = Broken(database, say)
        broken.fill(slots=170)
        with broken.served(workers=1) as running:
            assert answered(broken.book(running.address, broken.world.slots[0])) == 201
            filler = database.data / "filler"
            with filler.open("wb") as file:
                try:
                    while True:
                        file.write(b"x" * 65536)
                        file.flush()
                except OSError:
                    pass
            told: Counter[Any] = Counter()
            kept = [broken.world.slots[0].pk]
            for slot in broken.world.slots[1:120]:
                answer = broken.book(running.address, slot)
                assert_clean(answer)
                told[answered(answer)] += 1
                if answered(answer) == 201:
                    kept.append(slot.pk)
                elif told[503] >= 8:
                    break
            filler.unlink()
            assert database.process is not None
            time.sleep(1)
            fell = database.process.poll() is not None
            if fell:
                database.start()
            recovered = wait_for(
                lambda: answered(broken.book(running.address, broken.world.slots[-1])) in {201, 409}
            )
        say("injected: a disk without a byte left under PostgreSQL, and then some")
        say(f"answers {dict(told)}; PostgreSQL {'ended and was started' if fell else 'stayed up'}")
        assert set(told) <= {201, 503}
        assert told[503]
        held = broken.booked()
        assert set(kept) <= set(held)
        assert set(held.values()) == {1}
        say(f"held: {len(kept)} were told 201 and have it; back after {recovered:.1f} s")
        broken.check()


# ---------------------------------------------------------------- generating


def generated(broken: Broken) -> list[Any]:
    return broken.database.ask(
        "SELECT (s.schedule_id, s.start) FROM practice_slot s JOIN practice_schedule c"
        " ON c.id = s.schedule_id WHERE c.template_id IS NOT NULL"
    )


WEEKS = "--weeks=40"


def test_two_generators_run_at_once(broken, say):
    runs = [broken.start("manage.py", "generate_slots", WEEKS) for _ in range(2)]
    told = [run.communicate(timeout=300)[0] for run in runs]

    say(f"injected: two generate_slots {WEEKS} at once, two processes")
    assert [run.returncode for run in runs] == [0, 0], told
    slots = generated(broken)
    assert slots
    assert len(slots) == len(set(slots))
    broken.run("manage.py", "generate_slots", WEEKS)
    assert len(generated(broken)) == len(slots), "a third run finds nothing to do"
    say(f"held: {len(slots)} slots, none twice, and a third run adds none")
    broken.check()


def test_a_generator_is_killed_in_the_middle(broken, say):
    run = broken.start("manage.py", "generate_slots", WEEKS)
    wait_for(lambda: len(generated(broken)) > 300)
    run.kill()
    run.communicate()
    half = len(generated(broken))
    days = broken.database.ask(
        "SELECT count(*) FROM practice_slot s JOIN practice_schedule c ON c.id = s.schedule_id"
        " WHERE c.template_id IS NOT NULL GROUP BY c.id"
    )

    say(f"injected: SIGKILL of generate_slots {WEEKS} after {half} slots")
    assert len(set(days)) == 1, "no session has a part of its slots only"
    broken.check()
    broken.run("manage.py", "generate_slots", WEEKS)
    whole = generated(broken)
    assert len(whole) > half
    assert len(whole) == len(set(whole))
    broken.run("manage.py", "generate_slots", WEEKS)
    assert len(generated(broken)) == len(whole)
    say(f"held: whole sessions only; the next run came to {len(whole)} slots, none twice")
    broken.check()


# ---------------------------------------------------------------- too few connections


def test_the_pool_is_exhausted(broken, say):
    first, *others = broken.world.slots
    with broken.served(workers=1, threads=8, environment={"DATABASE_POOL_SIZE": "2"}) as running:
        with broken.database.connect() as rival, rival.transaction():
            rival.execute("SELECT 1 FROM practice_slot WHERE id = %s FOR UPDATE", [first.pk])
            begun = time.monotonic()
            waiting = [lambda: broken.book(running.address, first) for _ in range(2)]
            refused = [lambda: timed(lambda: broken.search(running.address)) for _ in range(4)]
            results: list[Any] = []
            threads = [
                threading.Thread(target=lambda call=call: results.append(call()))
                for call in (*waiting, *refused)
            ]
            for thread in threads[:2]:
                thread.start()
            time.sleep(1)
            for thread in threads[2:]:
                thread.start()
            for thread in threads[2:]:
                thread.join(60)
            blocked = time.monotonic() - begun
            searched = list(results)
        for thread in threads:
            thread.join(60)
        recovered = wait_for(lambda: answered(broken.search(running.address)) == 200)
        last = broken.book(running.address, others[0])

    say(f"injected: a pool of 2 connections, both waiting for a lock for {blocked:.1f} s")
    told = Counter(answered(answer) for _, answer in searched)
    slowest = max(seconds for seconds, _ in searched)
    say(f"answers meanwhile {dict(told)}, the slowest after {slowest:.1f} s")
    for _, answer in searched:
        assert_clean(answer)
    assert set(told) == {503}
    booked = Counter(answered(each) for each in results if not isinstance(each, tuple))
    assert booked == {201: 1, 409: 1}
    assert answered(last) == 201
    say(f"held: the two that waited got 201 and 409; all is well {recovered:.1f} s later")
    broken.check()


def test_the_server_has_no_connection_left(broken, say):
    with broken.served(workers=1, threads=4) as running:
        hogs = []
        broken.database.tell(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        try:
            while len(hogs) < 100:
                hogs.append(broken.database.connect())
        except psycopg.OperationalError:
            pass  # "too many clients already"
        answers = [broken.search(running.address) for _ in range(2)]
        for hog in hogs:
            hog.close()
        recovered = wait_for(lambda: answered(broken.search(running.address)) == 200)
        last = broken.book(running.address, broken.world.slots[0])

    say(f"injected: our connections cut, and all {len(hogs)} of the server's taken by others")
    told = Counter(map(answered, answers))
    say(f"answers meanwhile {dict(told)}")
    for answer in answers:
        assert_clean(answer)
    assert 503 in told
    assert answered(last) == 201
    say(f"held: served again {recovered:.1f} s after they had gone")
    broken.check()
