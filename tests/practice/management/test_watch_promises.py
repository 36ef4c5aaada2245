"""The watch that goes on: what has changed is looked at in its next pass, and nothing else is."""

import os
import subprocess
import sys
import time
from datetime import time as clock_time

import pytest
from django.utils import timezone

from practice import clock
from practice.management.commands.watch_promises import Command
from practice.models import Closure, Member, Organisation, Promise, PromisedDay, Shortfall
from practice.services.closures.closing import close
from practice.services.consumer_groups import save_group
from practice.services.enablement import switch
from practice.services.generation.runs import generate
from practice.services.promises import make_promise
from practice.services.templates import end_template
from tests.practice.promise_world import NOW, PROVIDER, TODAY, TOMORROW, promise, session
from workbench.factories import (
    make_access_profile,
    make_actor,
    make_appointment,
    make_consumer_group,
    make_organisation,
    make_template,
)
from workbench.paths import ROOT
from workbench.servers import database_url

STAFF = make_actor(door="staff")


class World:
    """A practice whose promise is kept tomorrow, and another that nobody touches."""

    def __init__(self, practice):
        self.practice = practice.organisation
        self.group = make_consumer_group(B00001=("", ""))
        self.profile = make_access_profile(consumer_group=self.group)
        self.template = make_template(
            self.practice,
            effective_from=TODAY,
            access_profile=self.profile,
            blocks=[{"start": clock_time(14), "end": clock_time(14, 10)}],
        )
        whole = {"organisation": self.practice, "actor": STAFF, "now": NOW}
        generate(**whole, from_date=TOMORROW, to_date=TOMORROW)
        self.slots = session(practice, TOMORROW, 2, access_profile=self.profile)
        self.promise = promise(practice, weekdays=[TOMORROW.weekday()])
        other = make_organisation()
        Promise.objects.create(organisation=other, name="NHS 111", ods_code="X1", slots_a_day=1)

    def booked(self):
        make_appointment(self.slots[:1], now=NOW, door="staff")

    def under_embargo(self):
        self.slots[0].embargo_minutes = 60
        self.slots[0].save()

    def closed(self):
        holder = self.slots[0].schedule.session_holder
        span = {"start_date": TOMORROW, "end_date": TOMORROW}
        close(
            Closure(organisation=self.practice, practitioner=holder, **span),
            actor=STAFF,
            now=NOW,
        )

    def template_ended(self):
        own = {"organisation": self.practice, "actor": STAFF, "now": NOW}
        end_template(**own, template_id=self.template.pk, last_date=TODAY)
        generate(**own, from_date=TOMORROW, to_date=TOMORROW)

    def profile_edited(self):
        self.profile.consumer_group, self.profile.ods_codes = None, ["C22222"]
        self.profile.save()

    def limit_used_up(self):
        self.profile.slots_per_day = 1
        self.profile.save()
        make_appointment(self.slots[:1], now=NOW)

    def group_changed(self):
        gone = Member(ods_code=PROVIDER, name="", since="", until=str(TODAY))
        save_group(self.group, name="NHS 111", members=[gone], actor=STAFF, now=NOW)

    def more_promised(self):
        self.promise.slots_a_day = 4
        make_promise(self.promise, actor=STAFF, now=NOW)

    def switched_off(self):
        switch(organisation=self.practice, gp_connect_enabled=False, actor=STAFF, now=NOW)


CHANGES = (
    *("booked", "under_embargo", "closed", "template_ended", "profile_edited"),
    *("limit_used_up", "group_changed", "more_promised", "switched_off"),
)


@pytest.mark.django_db
@pytest.mark.parametrize("change", CHANGES)
def test_what_a_promise_rests_on_has_its_practice_looked_at_in_the_next_pass(practice, change):
    world, watcher = World(practice), Command()
    seen, failed = watcher.look_at_changed({}, NOW)
    assert not Shortfall.objects.filter(organisation=practice.organisation).exists()

    getattr(world, change)()
    looked_at = looked_at_next(watcher, seen)

    assert looked_at == {practice.organisation}
    assert Shortfall.objects.get(organisation=practice.organisation).day == TOMORROW


def looked_at_next(watcher, seen):
    """The practices whose days the next pass keeps anew."""
    later = NOW.replace(second=10)
    watcher.look_at_changed(seen, later)
    found = PromisedDay.objects.filter(looked_at=later)
    return set(Organisation.objects.filter(promised_days__in=found))


@pytest.mark.django_db
def test_where_nothing_changed_nothing_is_looked_at(practice):
    World(practice)
    watcher = Command()
    seen, _ = watcher.look_at_changed({}, NOW)

    assert looked_at_next(watcher, seen) == set()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_the_watch_goes_on_until_it_is_told_to_stop_and_sees_a_change_at_once(practice):
    """Long before it would look at everything again."""
    today = clock.today(timezone.now())
    kept = promise(practice, slots_a_day=1, weekdays=list(range(7)), days_ahead=1)
    watcher = subprocess.Popen(
        [sys.executable, "manage.py", "watch_promises", "--loop", "0.1"],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: Shortfall.objects.filter(day=today, promised=1).exists())
        kept.slots_a_day = 2
        make_promise(kept, actor=STAFF, now=timezone.now())
        wait_for(lambda: Shortfall.objects.filter(day=today, promised=2).exists())
    finally:
        watcher.terminate()
        _, log = watcher.communicate(timeout=60)

    assert (watcher.returncode, log) == (0, "")
    assert Shortfall.objects.get().promised == 2


def wait_for(true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
