"""Several slots at once: each job by the service of the list's actions, and what they say."""

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from practice.models import AuditEvent, Slot
from tests.practice.staff.diary_world import words_of
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_organisation,
    make_patient,
    make_schedule,
    make_slots,
)
from workbench.staff import MANAGER, RECEPTIONIST, signed_in

pytestmark = pytest.mark.django_db
DIARY = "/admin/diary/?date=2026-11-30"


@pytest.fixture
def receptionist(practice):
    return signed_in(practice.organisation, role=RECEPTIONIST)


@pytest.fixture
def slots(practice) -> list[Slot]:
    """Three that are free and one that is booked."""
    made = make_slots(4)
    make_appointment([made[3]], patient=make_patient(family_name="Lorem"), door="staff")
    return made


def change(client, chosen, do: str, *, beside: bool = False, **sent):
    """Post one of the jobs, from the page or from beside the diary."""
    ids = ",".join(str(slot.pk) for slot in chosen)
    form = {"slots": ids, "do": do, "back": DIARY, **sent}
    headers = {"HX-Request": "true"} if beside else {}
    return client.post(reverse("admin:several_slots"), form, headers=headers)


def said(answer) -> str:
    return words_of(answer.content.decode())


@pytest.mark.req("AVAIL-013", "STAFF-015")
def test_they_are_blocked_with_a_reason_and_what_is_booked_is_left(receptionist, slots):
    answer = change(receptionist, slots, "block", note=" Tutorial ")

    assert answer.url == DIARY
    page = said(receptionist.get("/admin/"))
    assert "3 slots blocked." in page
    assert "1 slot left as before: 1 × It is booked" in page
    notes = Slot.objects.filter(status="busy-unavailable").values_list("note", flat=True)
    assert list(notes) == ["Tutorial"] * 3
    event = AuditEvent.objects.get(event="slot.block")
    assert [each["slot"] for each in event.detail["changes"]] == [s.pk for s in slots[:3]]


@pytest.mark.req("STAFF-028")
def test_beside_the_diary_only_what_was_done_is_said(receptionist, slots):
    done = change(receptionist, slots, "withhold", beside=True)
    again = change(receptionist, slots, "withhold", beside=True)

    assert said(done) == "4 slots made not GP Connect bookable."
    assert (done.status_code, again.status_code) == (200, 422)
    assert "4 slots left as before: 4 × It is not GP" in said(again)
    assert "HX-Request" in done["Vary"]


@pytest.mark.req("STAFF-028")
def test_they_are_given_to_a_profile_and_back_to_their_session(receptionist, slots):
    profile = make_access_profile(name="NHS 111")
    Slot.objects.filter(pk=slots[0].pk).update(gp_connect_bookable=False)

    given = said(change(receptionist, slots, "give", beside=True, profile=profile.pk))
    held = set(Slot.objects.values_list("access_profile", flat=True))
    back = said(change(receptionist, slots[:1], "give", beside=True, profile="session"))

    assert "4 slots given to NHS 111 (1 not GP Connect bookable: nobody outside can" in given
    assert held == {profile.pk}
    assert "1 slot given to whoever their sessions are for" in back
    event = AuditEvent.objects.filter(event="slot.give").earliest("pk")
    assert event.detail["changes"][0]["to"] == {"access_profile": f"NHS 111 ({profile.pk})"}


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"do": "give"}, "Choose to whom they are given."),
        ({"do": "give", "profile": "theirs"}, "Choose to whom they are given."),
        ({"do": "block", "slots": ""}, "Choose at least one slot."),
        ({"do": "block", "slots": ",".join(map(str, range(1, 402)))}, "Choose 400 slots at most."),
        ({"do": "block", "slots": "9999999"}, "does not exist"),
    ],
    ids=["no profile", "a profile of others", "none", "too many", "unknown"],
)
def test_what_makes_no_sense_changes_nothing_and_says_so(receptionist, slots, sent, why):
    if sent.get("profile"):
        sent["profile"] = make_access_profile(make_organisation()).pk

    answer = change(receptionist, slots, **sent)

    assert answer.status_code == 422
    assert why in said(answer)
    assert not AuditEvent.objects.filter(event__startswith="slot.").exists()


def test_slots_of_another_practice_are_out_of_reach(receptionist, slots):
    theirs = make_slots(1, make_schedule(make_organisation()))

    answer = change(receptionist, [*slots, *theirs], "block")

    assert answer.status_code == 422
    assert not Slot.objects.filter(status="busy-unavailable").exists()
    page = receptionist.get(reverse("admin:several_slots"), {"slots": str(theirs[0].pk)})
    assert "No slot is chosen" in page.content.decode()


def test_whoever_may_not_change_slots_is_neither_offered_it_nor_let_do_it(receptionist, slots):
    permissions = Group.objects.get(name=RECEPTIONIST).permissions
    assert "Select several" in receptionist.get("/admin/diary/").content.decode()
    permissions.remove(permissions.get(codename="change_slot"))

    diary = receptionist.get("/admin/diary/").content.decode()

    assert "Select several" not in diary
    assert "diary-several" not in diary
    assert receptionist.get(reverse("admin:several_slots")).status_code == 403
    assert change(receptionist, slots, "block").status_code == 403
    assert not Slot.objects.filter(status="busy-unavailable").exists()


def test_the_page_names_each_slot_with_as_many_queries_for_many(
    receptionist, slots, django_assert_max_num_queries
):
    profile = make_access_profile(name="NHS 111")
    Slot.objects.filter(pk=slots[1].pk).update(access_profile=profile)
    more = [slot for _ in range(3) for slot in make_slots(4, make_schedule())]

    def look(chosen) -> tuple[str, int]:
        with django_assert_max_num_queries(40) as made:
            answer = receptionist.get(
                reverse("admin:several_slots"), {"slots": ",".join(str(s.pk) for s in chosen)}
            )
        return said(answer), len(made)

    look(slots)
    (few, for_few), (_, for_many) = look(slots), look([*slots, *more])

    assert for_few == for_many
    assert "Lorem" not in few
    assert all(word in few for word in ("Booked", "Free", "NHS 111", "Everybody", "4 slots"))


def test_the_history_of_a_slot_says_to_whom_it_was_given(practice, slots):
    profile = make_access_profile(name="NHS 111")
    manager = signed_in(practice.organisation, role=MANAGER)
    change(manager, slots, "give", profile=profile.pk)

    page = said(manager.get(reverse("admin:practice_slot_history", args=[slots[0].pk])))

    assert "Given to an access profile" in page
    assert "NHS 111" in page
