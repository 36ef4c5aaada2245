"""One edit of a shared group is for all practices, and in the trail of each that it touches."""

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from practice.db.row_security import above_practices, bound_to, with_reach
from practice.exceptions import GroupRefused
from practice.models import AuditEvent, ConsumerGroup, Member
from practice.reads.consumer_groups import fingerprint
from practice.services.consumer_groups import checked_members, remove_group, save_group
from workbench.factories import (
    make_access_profile,
    make_actor,
    make_consumer_group,
    make_organisation,
)

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def member(code="X9X01", since="", until="", name="Example Valley NHS 111"):
    return Member(ods_code=code, name=name, since=since, until=until)


def saved(group, *members, name="NHS 111", **given):
    actor = make_actor(door="staff", name="Ari Aerial")
    return save_group(group, name=name, members=members, actor=actor, now=NOW, **given)


def test_a_change_is_in_the_trail_of_every_practice_that_it_touches_and_of_no_other(practice):
    group, other, third = make_consumer_group(), make_organisation(), make_organisation()
    make_access_profile(consumer_group=group)
    make_access_profile(other, consumer_group=group)
    make_access_profile(other, consumer_group=group)
    make_access_profile(third, consumer_group=make_consumer_group())

    touched = saved(group, member())

    assert touched == 2
    events = AuditEvent.objects.filter(event="consumergroup.change")
    assert {each.organisation for each in events} == {practice.organisation, other}
    assert len(events) == 2
    for each in events:
        assert (each.user_name, each.resource) == ("Ari Aerial", f"ConsumerGroup/{group.pk}")
        assert each.detail["changes"]["members"] == {"from": [], "to": [member()]}


def test_what_touches_no_practice_is_in_the_trail_of_none():
    saved(ConsumerGroup(), member())
    group = ConsumerGroup.objects.get()
    remove_group(group, actor=make_actor(door="staff"), now=NOW)

    assert list(AuditEvent.objects.order_by("pk").values_list("event", "organisation")) == [
        ("consumergroup.add", None),
        ("consumergroup.delete", None),
    ]


def test_nothing_changed_is_nothing_recorded():
    group = make_consumer_group("NHS 111")

    assert saved(group) == 0
    assert not AuditEvent.objects.exists()


def test_a_group_that_a_profile_names_stays():
    group = make_consumer_group()
    make_access_profile(consumer_group=group)

    with pytest.raises(GroupRefused, match="1 practices still name"):
        remove_group(group, actor=make_actor(door="staff"), now=NOW)
    assert ConsumerGroup.objects.exists()


def test_of_two_who_change_it_at_once_the_later_is_told():
    group = make_consumer_group()
    shown = fingerprint(group)
    saved(ConsumerGroup.objects.get(), member(), seen=shown)

    with pytest.raises(GroupRefused, match="Somebody else"):
        saved(group, member("X9X07"), seen=shown)
    assert ConsumerGroup.objects.get().codes_on(NOW.date()) == ["X9X01"]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([member("X-1")], "“X-1” is not an ODS code"),
        ([member("")], "not an ODS code"),
        ([member(since="soon")], "“soon” is not a date"),
        ([member(since="2026-12-07", until="2026-12-06")], "last day is before"),
        ([member(), member(since="2026-12-07")], "twice on the same days"),
        ([member(until="2026-12-07"), member(since="2026-12-07")], "twice on the same days"),
        ([member(f"X{n}") for n in range(201)], "at most 200"),
    ],
)
def test_members_that_cannot_be_meant_are_refused(members, said):
    with pytest.raises(GroupRefused, match=said):
        checked_members(members)


def test_members_are_kept_in_one_form():
    given = member(" x9x01 ", since="20261207", name="  Example   Valley ")

    assert checked_members([given]) == [member(since="2026-12-07", name="Example Valley")]
    again = [member(until="2026-12-06"), member(since="2026-12-08")]
    assert checked_members(reversed(again)) == again


def test_a_name_is_given_once_and_not_empty():
    make_consumer_group("NHS 111")

    for name in ("NHS 111", " "):
        with pytest.raises(GroupRefused):
            saved(ConsumerGroup(), name=name)


@pytest.mark.postgresql
@pytest.mark.req("SEC-027")
def test_the_database_lets_no_practice_write_a_group_and_everybody_read_it(practice):
    group = make_consumer_group("NHS 111")
    for reach in (bound_to(practice.organisation.pk), with_reach("{-1}")):
        with reach:
            assert ConsumerGroup.objects.get() == group
            assert ConsumerGroup.objects.update(name="Ours") == 0
            assert ConsumerGroup.objects.all()._raw_delete("default") == 0
            with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
                make_consumer_group()
    with above_practices():
        assert ConsumerGroup.objects.update(name="Theirs") == 1
