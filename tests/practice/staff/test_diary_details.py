"""What the pages behind the blocks of the diary share: who may, whose, and the way back."""

import re

from tests.practice.staff.diary_world import THURSDAY, booked, post, slot_address
from tests.practice.staff.diary_world import appointment_address as address
from workbench.factories import make_organisation, make_schedule, make_slots
from workbench.staff import AUDITOR, make_staff


def test_where_a_page_leads_back_to_is_the_diary_and_nothing_else(client, appointment):
    def back(**kwargs) -> str:
        page = client.get(address(appointment), **kwargs).content.decode()
        (found,) = re.findall(r'href="([^"]*)">Back to the diary', page)
        return found

    here = f"#a{appointment.pk}"
    assert back() == f"/admin/diary/?date=2026-11-19{here}"
    diary = "/admin/diary/?date=2026-11-19&amp;location=1"
    referer = {"Referer": f"http://testserver{diary.replace('&amp;', '&')}"}
    assert back(headers=referer) == f"{diary}{here}"
    for elsewhere in ("https://evil.example/admin/diary/", "//evil.example/", "/admin/logout/"):
        assert back(headers={"Referer": elsewhere}) == f"/admin/diary/?date=2026-11-19{here}"
        assert back(data={"back": elsewhere}) == f"/admin/diary/?date=2026-11-19{here}"


# ---------------------------------------------------------------- who may, and whose


def test_an_auditor_reads_everything_and_changes_nothing(practice, client, appointment, slot):
    client.force_login(make_staff(practice.organisation, role=AUDITOR))

    for place, do in ((address(appointment), "arrived"), (slot_address(slot), "block")):
        content = client.get(place).content.decode()
        assert 'name="do"' not in content
        assert post(client, place, do, 1).status_code == 403
    assert "Book an appointment <kbd>" not in client.get("/admin/diary/").content.decode()


def test_somebody_without_a_role_sees_nothing(practice, client, appointment, slot):
    user = make_staff(practice.organisation)
    user.groups.clear()
    client.force_login(user)

    for place in ("/admin/diary/", address(appointment), slot_address(slot)):
        assert client.get(place).status_code == 403


def test_another_practices_ids_lead_nowhere(practice, client, receptionist):
    theirs = make_schedule(make_organisation(), date=THURSDAY)
    first, second = make_slots(2, theirs)
    appointment = booked(first, family_name="Theirs")

    queries = [
        {"session": theirs.pk},
        {"location": theirs.location_id},
        {"holder": theirs.session_holder_id},
        {"holder": theirs.session_holder_id, "view": "week"},
    ]
    for query in queries:
        assert client.get("/admin/diary/", {"date": THURSDAY, **query}).status_code == 404
    for place, do in ((address(appointment), "dna"), (slot_address(second), "block")):
        assert client.get(place).status_code == 404
        assert post(client, place, do, 1).status_code == 404
    assert "Theirs" not in client.get("/admin/diary/", {"date": THURSDAY}).content.decode()
    second.refresh_from_db()
    assert second.status == "free"
