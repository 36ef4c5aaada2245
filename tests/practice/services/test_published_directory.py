"""A practice's directory from the published files: filled, compared, and never overwritten unsaid.

The files are our own, in the published layout, with codes that no organisation has.
"""

import csv
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from practice.models import (
    AuditEvent,
    Location,
    Organisation,
    Practitioner,
    PractitionerRole,
)
from practice.published_files import in_words, surname_and_initials
from workbench.factories import make_location, make_organisation, make_practitioner

pytestmark = pytest.mark.django_db

HERE, THERE = "Z99901", "Z99902"


def row(code, name, *, parent="QZZ", closed="", status="A", left="", setting="", **given):
    """A row of 27 columns, as all three files have them."""
    lines = given.get("address", ["THE HEALTH CENTRE", "1 SAMPLE STREET", "", "STOCKTON-ON-TEES"])
    address = [*lines, *[""] * (4 - len(lines)), "CLEVELAND"]
    postcode, telephone = given.get("postcode", "ZZ99 3WZ"), given.get("telephone", "01632 960001")
    return [
        *(code, name, "Y99", "QZZ", *address, postcode, "19740401", closed, status, "B"),
        *(parent, "20130401", left, telephone, "", "", "", "0", "", "QZZ", "", setting, ""),
    ]


def branch(code, name, **given):
    """As the published file has them: without a status."""
    return row(code, name, **{"parent": HERE, "status": "", **given})


def gp(code, name, **given):
    return row(code, name, **{"parent": HERE, "address": ["THE HEALTH CENTRE"], **given})


@pytest.fixture
def files(tmp_path):
    """The three files, to be written again with other rows."""

    def write(name, *rows):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
        return tmp_path / name

    write(
        "epraccur.csv",
        row(THERE, "THE OTHER SURGERY", setting="4"),
        row(HERE, "THE SPECIMEN SURGERY", setting="4"),
        row("Z99903", "THE SHUT SURGERY", closed="20240331", status="C", setting="4"),
    )
    write(
        "ebranchs.csv",
        branch("Z99901001", "MOCKBRIDGE BRANCH", address=["2 MOCK LANE", "", "", "MOCKBRIDGE"]),
        branch("Z99901002", "SHUT BRANCH", closed="20200101"),
        branch("Z99901003", "COVID LOCAL VACCINATION SERVICE MOCKBRIDGE"),
        branch("Z99902001", "ANOTHER'S BRANCH", parent=THERE),
    )
    write(
        "egpcur.csv",
        gp("G9999901", "SPECIMEN AB"),
        gp("G9999902", "MCMOCK C"),
        gp("G9999903", "RETIRED D", status="B"),
        gp("G9999904", "PROPOSED E", status="P"),
        gp("G9999905", "MOVED F", left="20250630"),
        gp("G9999906", "OTHER G", parent=THERE),
    )
    return write


def run(tmp_path, **options):
    output = StringIO()
    given = {
        "organisations": tmp_path / "epraccur.csv",
        "branches": tmp_path / "ebranchs.csv",
        "practitioners": tmp_path / "egpcur.csv",
    }
    call_command("load_directory", HERE, stdout=output, **{**given, **options})
    return output.getvalue()


def everything():
    models = (Organisation, Location, Practitioner, PractitionerRole)
    return [list(model.objects.order_by("pk").values()) for model in models]


# ---------------------------------------------------------------- a practice that is new


def test_a_new_practice_is_filled_as_people_write_it(files, tmp_path):
    said = run(tmp_path)

    practice = Organisation.objects.get()
    assert (practice.ods_code, practice.name) == (HERE, "The Specimen Surgery")
    assert [practice.address_line_1, practice.address_line_2, practice.address_line_3] == [
        *("The Health Centre", "1 Sample Street", ""),
    ]
    assert (practice.city, practice.district) == ("Stockton-on-Tees", "Cleveland")
    assert (practice.postal_code, practice.telephone) == ("ZZ99 3WZ", "01632 960001")
    assert not practice.gp_connect_enabled
    main, other = practice.locations.all()
    assert (main.is_main, main.name, main.postal_code) == (True, practice.name, "ZZ99 3WZ")
    assert (other.name, other.address_line_1, other.city) == (
        *("Mockbridge Branch", "2 Mock Lane", "Mockbridge"),
    )
    people = Practitioner.objects.order_by("gmp_code")
    assert [(p.gmp_code, str(p), p.sds_user_id) for p in people] == [
        ("G9999901", "Dr A B Specimen", None),
        ("G9999902", "Dr C McMock", None),
    ]
    roles = practice.practitioner_roles.values_list("role", "active", "version")
    assert list(roles) == [("R0260", True, 0)] * 2
    for passed_over in (
        *("2 × closed", "1 × vaccination sites", "1 × retired or dormant", "1 × proposed"),
        "1 × no longer of this practice",
    ):
        assert passed_over.replace("2 × closed", "1 × closed") in said
    assert "3 rows of" in said
    event = AuditEvent.objects.get()
    assert (event.event, event.organisation) == ("practice.directory_filled", practice)
    assert "The Specimen Surgery (Z99901) (practice)" in event.detail["made"]


def test_again_changes_nothing(files, tmp_path):
    run(tmp_path)
    before = everything()

    said = run(tmp_path, update=True)

    assert everything() == before
    assert "all is as published" in said
    assert AuditEvent.objects.count() == 1


def test_a_dry_run_tells_the_same_and_does_nothing(files, tmp_path):
    said = run(tmp_path, dry_run=True)

    assert everything() == [[], [], [], []]
    assert not AuditEvent.objects.exists()
    assert "nothing was done, this would be" in said
    assert run(tmp_path).splitlines()[1:] == said.splitlines()[1:]


# ---------------------------------------------------------------- a practice that staff keep


@pytest.fixture
def kept(files, tmp_path):
    """A practice filled once, of which staff then changed one thing and another."""
    run(tmp_path)
    Organisation.objects.update(telephone="01632 960999")
    Location.objects.filter(is_main=False).update(name="Mockbridge")
    Practitioner.objects.filter(gmp_code="G9999901").update(given_names="Ada Beatrice")
    return Organisation.objects.get()


def test_what_staff_changed_is_listed_and_stays(kept, tmp_path):
    before = everything()

    said = run(tmp_path)

    assert everything() == before
    assert "telephone: here “01632 960999”, published “01632 960001”" in said
    assert "Mockbridge (location), name: here “Mockbridge”, published “Mockbridge Branch”" in said
    assert "differs, and stays" in said
    assert "  changed: " not in said
    assert "Specimen" not in said.replace("The Specimen Surgery", "")  # the initials are hers


def test_what_differs_is_taken_when_somebody_says_so(kept, tmp_path):
    report = json.loads(run(tmp_path, update=True, json=True))

    assert Organisation.objects.get().telephone == "01632 960001"
    assert Organisation.objects.get().version == kept.version + 1
    assert Location.objects.get(is_main=False).name == "Mockbridge Branch"
    assert Practitioner.objects.get(gmp_code="G9999901").given_names == "Ada Beatrice"
    taken = {each["column"] for each in report["differences"] if each["taken"]}
    assert taken == {"telephone", "name"}
    event = AuditEvent.objects.latest("pk")
    change = next(each for each in event.detail["changed"] if "telephone" in each)
    assert change["telephone"] == {"from": "01632 960999", "to": "01632 960001"}


def test_whom_the_files_name_no_more_is_told_and_stays(kept, files, tmp_path):
    files("egpcur.csv", gp("G9999901", "SPECIMEN AB"))
    files("ebranchs.csv")
    before = everything()

    said = run(tmp_path, update=False)

    assert "not in the files: Dr C McMock (GMP code G9999902)" in said
    assert "not in the files: Mockbridge (a place)" in said
    assert everything() == before


def test_somebody_whom_staff_entered_is_not_made_twice(files, tmp_path):
    practice = make_organisation(ods_code=HERE)
    make_location(practice)
    ada = make_practitioner(practice, given_names="Ada", family_name="Specimen")

    said = run(tmp_path)

    assert Practitioner.objects.filter(family_name="Specimen").count() == 1
    assert "gmp code: here “”, published “G9999901”" in said
    version = ada.version
    run(tmp_path, update=True)
    ada.refresh_from_db()
    assert (ada.gmp_code, ada.given_names, ada.version) == ("G9999901", "Ada", version)


def test_another_practice_and_who_works_there_too_stay_as_they_are(files, tmp_path):
    neighbour = make_organisation(ods_code=THERE)
    make_location(neighbour)
    shared = make_practitioner(
        neighbour, given_names="Ada", family_name="Married", gmp_code="G9999901"
    )
    before = [
        list(records.values())
        for records in (
            Organisation.objects.filter(pk=neighbour.pk),
            Location.objects.all(),
            Practitioner.objects.all(),
            PractitionerRole.objects.all(),
        )
    ]

    said = run(tmp_path, update=True)

    assert before == [
        list(records.values())
        for records in (
            Organisation.objects.filter(pk=neighbour.pk),
            Location.objects.filter(organisation=neighbour),
            Practitioner.objects.filter(pk=shared.pk),
            PractitionerRole.objects.filter(organisation=neighbour),
        )
    ]
    assert "differs, and stays: Dr Ada Married (practitioner), family name" in said
    here = PractitionerRole.objects.get(organisation__ods_code=HERE, practitioner=shared)
    assert here.active


# ---------------------------------------------------------------- files that are wrong


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row(THERE, "THE OTHER SURGERY")], f"line 1: {HERE} is not in the file"),
        ([row(HERE, "SHUT", closed="20240331", status="C")], "is closed, since 2024-03-31"),
        ([["Code", "Name"]], "line 1: there are 2 columns, and 27"),
        ([row(THERE, "A"), [HERE, "B"]], "line 2: there are 2 columns"),
        ([row(HERE, "X" * 201)], "line 1: name: Ensure this value has at most 200"),
        ([row(HERE, "A", telephone="0" * 31)], "line 1: telephone: Ensure"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_nothing_is_done(files, tmp_path, rows, words):
    files("epraccur.csv", *rows)

    with pytest.raises(CommandError) as refused:
        run(tmp_path)

    assert words in str(refused.value)
    assert str(refused.value).endswith("Nothing was done.")
    assert refused.value.returncode == 1
    assert everything() == [[], [], [], []]


def test_a_fault_in_one_file_undoes_the_others(files, tmp_path):
    files("egpcur.csv", gp("9", "SPECIMEN AB"))

    with pytest.raises(CommandError, match=r"egpcur.csv, line 1: gmp_code: A GMP code is"):
        run(tmp_path)

    assert everything() == [[], [], [], []]


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(CommandError, match="Cannot read a file") as refused:
        run(tmp_path)

    assert refused.value.returncode == 2


def test_a_file_of_windows_is_read(files, tmp_path):
    text = (tmp_path / "epraccur.csv").read_text().replace("SPECIMEN", "CAFÉ")
    (tmp_path / "epraccur.csv").write_bytes(b"\xef\xbb\xbf" + text.encode("cp1252"))

    run(tmp_path)

    assert Organisation.objects.get().name == "The Café Surgery"


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("published", "written"),
    [
        ("THE DR. O'MOCK & PARTNERS", "The Dr. O'Mock & Partners"),
        ("ST JAMES'S HEALTH CENTRE", "St James's Health Centre"),
        ("MOCK-ON-SEA (NHS) WALK IN CENTRE", "Mock-on-Sea (NHS) Walk in Centre"),
        ("UNIT 4B, THE PARADE", "Unit 4B, the Parade"),
        ("Written by Hand", "Written by Hand"),
        ("", ""),
    ],
)
def test_capitals_become_words(published, written):
    assert in_words(published) == written


@pytest.mark.parametrize(
    ("published", "family_name", "initials"),
    [
        ("SPECIMEN AB", "Specimen", "A B"),
        ("SPECIMEN A B", "Specimen", "A B"),
        ("VAN DER SAR E", "Van Der Sar", "E"),
        ("MOCK-SAMPLE J", "Mock-Sample", "J"),
        ("NG", "Ng", ""),
        ("NG A", "Ng", "A"),
    ],
)
def test_a_name_is_a_surname_and_initials(published, family_name, initials):
    assert surname_and_initials(published) == (family_name, initials)
