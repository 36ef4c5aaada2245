"""Views of the diary: one's own are one's own, the practice's are kept by who manages it."""

import pytest
from django.utils import timezone

from practice.exceptions import ChangeRefused, LocationNotFound, NotFound, PractitionerNotFound
from practice.models import AuditEvent, ChosenDiaryView, DiaryView
from practice.reads.diary_views import saved_views
from practice.services.audit.recording import Actor
from practice.services.diary_views import ViewValues, choose_view, remove_view, save_view
from workbench.factories import make_location, make_organisation, make_practitioner
from workbench.staff import make_staff

RITA = Actor(door="staff", user_id="7", name="Rita Reception", role="Receptionist")
pytestmark = pytest.mark.django_db


def keep(practice, user, name="Mine", *, manages=False, view_id=None, **values) -> DiaryView:
    given = ViewValues(name, False, (), (), False)._replace(**values)
    return save_view(
        organisation=practice,
        user=user,
        manages=manages,
        values=given,
        view_id=view_id,
        actor=RITA,
        now=timezone.now(),
    )


def forget(practice, user, view, *, manages=False) -> None:
    remove_view(
        organisation=practice,
        user=user,
        manages=manages,
        view_id=view.pk,
        actor=RITA,
        now=timezone.now(),
    )


@pytest.fixture
def here(practice):
    return practice.organisation


def names_of(practice, user) -> list[str]:
    return [view.name for view in saved_views(organisation=practice, user=user)]


def test_a_view_keeps_people_in_their_order_and_is_changed_and_forgotten_on_record(here):
    rita = make_staff(here)
    first, second = make_practitioner(), make_practitioner()
    branch = make_location()
    view = keep(here, rita, holder_ids=(second.pk, first.pk), location_ids=(branch.pk,))

    [saved] = saved_views(organisation=here, user=rita)
    assert saved[:5] == (view.pk, "Mine", True, False, False)
    assert saved[5:] == ((second.pk, first.pk), (branch.pk,))

    keep(here, rita, "Upstairs team", view_id=view.pk, holder_ids=(first.pk,))
    keep(here, rita, "Upstairs team", view_id=view.pk, holder_ids=(first.pk,))
    forget(here, rita, view)

    assert names_of(here, rita) == []
    events = AuditEvent.objects.filter(event__startswith="diaryview.").order_by("pk")
    assert [each.event.partition(".")[2] for each in events] == ["add", "change", "delete"]
    changes = events[1].detail["changes"]
    assert changes["name"] == {"from": "Mine", "to": "Upstairs team"}
    assert changes["session_holders"]["to"] == [f"{first} ({first.pk})"]
    assert "show_hidden" not in changes


def test_others_see_the_practices_views_and_none_of_mine(here):
    rita, mo = make_staff(here), make_staff(here)
    mine = keep(here, rita)
    keep(here, mo, "Everybody's", manages=True, for_practice=True)

    assert names_of(here, rita) == ["Everybody's", "Mine"]
    assert names_of(here, mo) == ["Everybody's"]
    for manages in (False, True):
        with pytest.raises(NotFound):
            forget(here, mo, mine, manages=manages)
    with pytest.raises(NotFound):
        forget(make_organisation(), rita, mine)
    assert saved_views(organisation=make_organisation(), user=rita) == []


def test_only_who_manages_the_practice_keeps_its_views(here):
    rita = make_staff(here)
    whole = keep(here, rita, manages=True, for_practice=True)

    with pytest.raises(ChangeRefused, match="manages"):
        keep(here, rita, "Another", for_practice=True)
    with pytest.raises(ChangeRefused, match="whole practice's"):
        keep(here, rita, "Renamed", view_id=whole.pk)
    with pytest.raises(ChangeRefused, match="whole practice's"):
        forget(here, rita, whole)
    assert names_of(here, rita) == ["Mine"]


@pytest.mark.parametrize("for_practice", [False, True])
def test_two_views_of_one_name_are_refused_in_words(here, for_practice):
    rita = make_staff(here)
    keep(here, rita, manages=True, for_practice=for_practice)

    with pytest.raises(ChangeRefused, match="of this name already"):
        keep(here, rita, manages=True, for_practice=for_practice)
    with pytest.raises(ChangeRefused, match="needs a name"):
        keep(here, rita, " ")
    assert DiaryView.objects.count() == 1


def test_people_and_places_of_another_practice_are_not_there(here):
    rita, other = make_staff(here), make_organisation()

    with pytest.raises(PractitionerNotFound):
        keep(here, rita, holder_ids=(make_practitioner(other).pk,))
    with pytest.raises(LocationNotFound):
        keep(here, rita, location_ids=(make_location(other).pk,))
    assert not DiaryView.objects.exists()


def test_what_somebody_chose_last_is_remembered_unless_it_is_not_theirs(here):
    rita, mo = make_staff(here), make_staff(here)
    first, second, theirs = keep(here, rita, "1"), keep(here, rita, "2"), keep(here, mo)

    for view in (first, second):
        choose_view(organisation=here, user=rita, view_id=view.pk)
        chosen = [each.pk for each in saved_views(organisation=here, user=rita) if each.is_chosen]
        assert chosen == [view.pk]
    choose_view(organisation=here, user=rita, view_id=theirs.pk)

    assert not ChosenDiaryView.objects.exists()
