"""A practice out as FHIR, into an empty database, and out again: the same, letter for letter."""

import pytest
from django.core.management import call_command
from django.utils import timezone

from practice.models import Organisation, Patient, Slot
from practice.reads import diary_check
from tests import append_only
from tests.fhirapi.exchange.incoming.world import imported
from tests.fhirapi.exchange.outgoing import test_writing
from tests.fhirapi.exchange.outgoing.test_writing import exported, resources_in
from workbench.factories import make_patient
from workbench.staff import make_roles

book = test_writing.book


def empty_database() -> None:
    with append_only.unprotected():
        call_command("flush", verbosity=0, interactive=False)
    make_roles()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("options", [{}, {"ndjson": True, "entries": 3}], ids=["bundles", "lines"])
def test_a_practice_comes_back_as_it_went(options, book, tmp_path):
    """With ids and versions: nothing differs but what the export says that it has left out."""
    exported(book, tmp_path / "out", **options)
    exported(book, tmp_path / "before")
    empty_database()

    done = imported(tmp_path, tmp_path / "out", practice=book.ods_code)

    assert done.refused == "", done.text
    there = Organisation.objects.get()
    exported(there, tmp_path / "after")
    assert resources_in(tmp_path / "after") == resources_in(tmp_path / "before")
    assert not there.gp_connect_enabled
    assert not Slot.objects.filter(gp_connect_bookable=True).exists()
    assert [str(fault) for fault in diary_check.check(now=timezone.now()).faults] == []
    last = Patient.objects.latest("pk").pk
    assert make_patient(there).pk > last
    again = imported(tmp_path, tmp_path / "out", practice=book.ods_code)
    assert (again.refused, again.report["made"]) == ("", {})


@pytest.mark.django_db
def test_importing_what_came_from_here_changes_nothing(book, tmp_path):
    """It is found again by its ids, numbers and times, although no file brought it in."""
    exported(book, tmp_path / "out")

    done = imported(tmp_path, tmp_path / "out", practice=book.ods_code)

    assert done.refused == "", done.text
    assert done.report["made"] == {}
    exported(book, tmp_path / "after")
    assert resources_in(tmp_path / "after") == resources_in(tmp_path / "out")
