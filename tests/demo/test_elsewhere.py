"""The demo practices book at each other."""

import pytest

from demo.elsewhere import book_at_each_other
from practice.models import RemoteService
from practice.reads.elsewhere import may_ask_elsewhere
from workbench.factories import make_organisation

pytestmark = pytest.mark.django_db

ASIDS = ("200000000001", "200000000002", "200000000003")


def test_each_demo_practice_may_book_at_the_others_that_are_switched_on():
    here, there, off = (
        make_organisation(asid=asid, gp_connect_enabled=number < 2)
        for number, asid in enumerate(ASIDS)
    )

    for port in (8000, 8001):  # going on with a demo at another port makes nothing twice
        book_at_each_other([here, there, off], address=f"http://127.0.0.1:{port}")

    found = RemoteService.objects.values_list("organisation", "ods_code", "base_url")
    root = "http://127.0.0.1:8001/{}/STU3/1/gpconnect"
    assert set(found) == {
        (here.pk, there.ods_code, root.format(there.ods_code)),
        (there.pk, here.ods_code, root.format(here.ods_code)),
        (off.pk, here.ods_code, root.format(here.ods_code)),
        (off.pk, there.ods_code, root.format(there.ods_code)),
    }
    assert all(may_ask_elsewhere(organisation=each) for each in (here, there, off))
