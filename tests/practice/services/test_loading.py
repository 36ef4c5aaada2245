"""Practices from files: again and again without a difference, or every fault with its line."""

import re
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.contrib.auth.models import User

from practice import demographics, nhs_number, practice_file
from practice.exceptions import FilesRefused
from practice.models import (
    AccessProfile,
    AuditEvent,
    Closure,
    Location,
    Membership,
    Organisation,
    Patient,
    Practitioner,
    SessionTemplate,
)
from practice.practice_file import Required, read
from practice.services.audit.recording import Actor
from practice.services.generation import runs
from practice.services.loading import load_practices

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OPERATOR = Actor(door="command", name="operator")
DEMO = Path(settings.BASE_DIR) / "demo"
PRACTICES = [path for path in sorted(DEMO.glob("*.yaml")) if path.name != "demographics.yaml"]

WHOLE = """\
demo: true
practice:
  ods_code: A00001
  name: Specimen Surgery
  asid: "200000000101"
  address: {lines: [1 High Street, Old Town], city: Leeds, postal_code: XX1 1AA}
  gp_connect_enabled: true
  booking_window_days: 14
locations:
  - name: Main
    is_main: true
  - name: Branch
practitioners:
  - sds_user_id: G1
    prefix: Dr
    family_name: Specimen
    languages: [en]
    roles:
      - {role: R0260, sds_role_profile_id: PT1}
access_profiles:
  - name: Hub
    ods_codes: [x9x01]
    slots_per_session: 3
templates:
  - session_name: Morning
    session_holder: G1
    location: Branch
    practitioner_role: R0260
    weekdays: [tue, mon]
    nth_of_month: last
    effective_from: 2026-01-05
    blocks:
      - {start: 12:30, end: 13:00, slot_minutes: 10, slot_type: Routine, access_profile: Hub}
      - {start: 13:00, end: 13:10}
closures:
  - {kind: training, practitioner: G1, start_date: today+7, start_time: 13:00, end_time: 18:30}
patients:
  - nhs_number: 999 000 0379
    family_name: Fauxley
    birth_date: 1980-02-29
    preferred_branch: Branch
    general_practitioner: G1
    addresses:
      - {use: home, lines: [3 Quiet Lane], city: Leeds}
    telecoms:
      - {system: phone, value: 07700 900101, use: mobile}
      - {system: email, value: edie@example.com}
staff:
  - {username: rita, first_name: Rita, roles: [Receptionist], password: demo-password-only}
"""


def load(**files: str):
    contents = {f"{name}.yaml": content for name, content in files.items()}
    return load_practices(files=contents, actor=OPERATOR, now=NOW)


def problems(content: str) -> list[str]:
    """What is wrong with a file, which then loads nothing."""
    with pytest.raises(FilesRefused) as refusal:
        load(bad=content)
    assert not AuditEvent.objects.filter(event="practice.load").exists()
    return [f"{problem.line}: {problem.reason}" for problem in refusal.value.problems]


def test_everything_in_a_file_is_loaded():
    loaded = load(whole=WHOLE)

    practice, main = Organisation.objects.get(), Location.objects.get(is_main=True)
    branch, profile = Location.objects.get(name="Branch"), AccessProfile.objects.get()
    template, patient = SessionTemplate.objects.get(), Patient.objects.get()
    holder = Practitioner.objects.get()
    assert loaded[0].organisation == practice
    assert (practice.address_line_1, practice.address_line_2) == ("1 High Street", "Old Town")
    assert (practice.gp_connect_enabled, practice.appointment_management_enabled) == (True, False)
    assert (practice.booking_window_days, main.name) == (14, "Main")
    assert holder.roles.get().sds_role_profile_id == "PT1"
    assert profile.ods_codes == ["X9X01"]
    assert (template.weekdays, template.nth_of_month) == ([0, 1], 5)
    assert (template.location, template.session_holder) == (branch, holder)
    lesson, pause = template.blocks.all()
    assert (lesson.start, lesson.slot_minutes, lesson.access_profile) == (time(12, 30), 10, profile)
    assert (pause.slot_minutes, pause.position) == (None, 1)
    closure = Closure.objects.get()
    assert (closure.start_date, closure.end_date) == (date(2026, 12, 2), date(2026, 12, 2))
    assert (patient.nhs_number, patient.preferred_branch) == ("9990000379", branch)
    assert patient.addresses.get().address_line_1 == "3 Quiet Lane"
    assert [telecom.value for telecom in patient.telecoms.order_by("pk")] == [
        "07700 900101",
        "edie@example.com",
    ]
    user = User.objects.get()
    assert user.check_password("demo-password-only")
    assert user.is_staff
    assert not user.is_superuser
    assert user.groups.get().name == "Receptionist"
    assert Membership.objects.get().organisation == practice


@pytest.mark.req("ENA-006")
def test_loading_and_the_switches_are_audited():
    load(whole=WHOLE)

    switched = AuditEvent.objects.get(event="organisation.switch")
    done = AuditEvent.objects.get(event="practice.load")
    assert switched.detail["changes"] == {"gp_connect_enabled": {"from": False, "to": True}}
    assert done.detail["created"]["patient"] == 1


def test_loading_again_changes_nothing():
    load(whole=WHOLE)
    versions = list(Patient.objects.values_list("version", "updated_at"))

    (again,) = load(whole=WHOLE)

    assert not again.created
    assert not again.changed
    assert list(Patient.objects.values_list("version", "updated_at")) == versions


@pytest.mark.req("GEN-032")
@pytest.mark.parametrize(
    ("old", "new", "kind", "model"),
    [
        ("name: Specimen Surgery", "name: Other", "practice", Organisation),
        ("family_name: Specimen", "family_name: Other", "practitioner", Practitioner),
        ("family_name: Fauxley", "family_name: Other", "patient", Patient),
        ("city: Leeds}\n    telecoms", "city: York}\n    telecoms", "address", Patient),
        ("      - {system: email, value: edie@example.com}\n", "", "telephone or e-mail", Patient),
    ],
    ids=["practice", "practitioner", "patient", "an address below", "a telecom less"],
)
def test_a_changed_file_changes_what_differs_as_a_new_version(old, new, kind, model):
    load(whole=WHOLE)
    assert old in WHOLE

    (again,) = load(whole=WHOLE.replace(old, new))

    assert not again.created
    assert dict(again.changed) == {kind: 1}
    assert model.objects.get().version == 2


def test_blocks_become_what_the_file_says():
    load(whole=WHOLE)
    shorter = WHOLE.replace("      - {start: 13:00, end: 13:10}\n", "")

    load(whole=shorter.replace("slot_minutes: 10", "slot_minutes: 15"))

    assert [block.slot_minutes for block in SessionTemplate.objects.get().blocks.all()] == [15]


def test_what_a_file_does_not_mention_stays_as_it_is():
    load(whole=WHOLE)
    Organisation.objects.update(telephone="0113 496 0001", gp_connect_enabled=False)
    User.objects.get().set_password("own")

    load(whole=WHOLE)

    practice = Organisation.objects.get()
    assert practice.telephone == "0113 496 0001"
    # A person turned it off: a file does not turn it on again (ENA-004).
    assert not practice.gp_connect_enabled


def test_somebody_who_is_there_keeps_their_password():
    user = User.objects.create_user("rita", password="her own")

    load(whole=WHOLE)

    user.refresh_from_db()
    assert user.check_password("her own")
    assert Membership.objects.filter(user=user).exists()


def test_staff_without_a_password_cannot_log_in_yet():
    load(whole=WHOLE.replace(", password: demo-password-only", ""))

    assert not User.objects.get().has_usable_password()


def test_an_empty_value_clears_a_field():
    load(whole=WHOLE)

    load(whole=WHOLE.replace("booking_window_days: 14", "booking_window_days:"))

    assert Organisation.objects.get().booking_window_days is None


# ---------------------------------------------------------------- what is wrong


WRONG = {
    "not YAML": (WHOLE, "demo: true\npractice: {", "2: expected the node content, but found"),
    "too deep": ("name: Specimen", "name: " + "[" * 3000, "4: this is nested too deeply."),
    "too deep in lines": (
        "  - name: Branch",
        "".join(f"{' ' * level}-\n" for level in range(2, 300)),
        "31: this is nested too deeply.",
    ),
    "a control character": ("Specimen", "Spec\0imen", "4: there is a character that YAML does not"),
    "a nought byte": (
        "name: Specimen",
        'name: "\\0" #',
        "4: name: there is a character that cannot",
    ),
    "half a character": ("name: Specimen", 'name: "\\uD800" #', "4: name: there is a character"),
    "a list for a name": ("  name: Specimen", "  ? [name]\n  : S", "4: the name of a field is"),
    "an alias of nothing": ("name: Specimen", "name: *x", "4: found undefined alias"),
    "unknown field": ("  name: Specimen", "  nam: x\n  name: S", "4: there is no field nam; known"),
    "missing field": ("  name: Specimen Surgery\n", "", "3: name is missing."),
    "twice in one place": ("  asid", "  name: Y\n  asid", "5: name stands here twice."),
    "not a number": (
        "days: 14",
        "days: many",
        "8: booking_window_days: a whole number is expected.",
    ),
    "an absurd number": (
        "booking_window_days: 14",
        "embargo_minutes: 2147483647",
        "8: embargo_minutes: Ensure this value is less than or equal to 527040.",
    ),
    "not a truth": ("is_main: true", "is_main: yes", "11: is_main: true or false is expected."),
    "not a time": ("end: 13:10", "end: 1310", "34: end: a time such as 09:30 is expected."),
    "no such time": ("end: 13:10", "end: 27:10", "34: end: there is no such time of day."),
    "not a date": ("2026-01-05", "5.1.2026", "31: effective_from: a date such as 2026-11-30 is"),
    "beyond all use": ("2026-01-05", "9999-12-31", "31: effective_from: the year must be from"),
    "not a weekday": ("[tue, mon]", "[Tuesday]", "29: weekdays: one of mon, tue, wed, thu, fri"),
    "not an nth": ("last", "fifth", "30: nth_of_month: one of first, second, third, fourth, last"),
    "not today": ("today+7", "today+soon", "36: start_date: today, today+14 or today-14 is"),
    "not a list": ("[en]", "en", "17: languages: a list is expected."),
    "not a value": ("prefix: Dr", "prefix: [Dr]", "15: prefix: a single value is expected."),
    "not an entry": ("  - name: Branch", "  - Branch", "12: fields are expected, such as name."),
    "twice in the file": ("name: Branch\n", "name: Main\n", "12: this stands in the file twice."),
    "no such place": ("location: Branch", "location: X", "27: location: there is no location X"),
    "no such person": ("general_practitioner: G1", "general_practitioner: G2", "42: general_pr"),
    "no such profile": ("access_profile: Hub", "access_profile: X", "33: access_profile: there is"),
    "no such role": ("role: R0260, ", "role: R1, ", "19: role: Value 'R1' is not a valid choice."),
    "no such language": ("[en]", "[xx]", "17: languages: xx is not a code of the published list."),
    "no such group": ("[Receptionist]", "[Boss]", "49: roles: there is no role Boss; known are"),
    "no NHS number": ("999 000 0379", "9990000378", "38: nhs_number: This is not an NHS number"),
    "no ASID": ('"200000000101"', "2", "5: asid: An ASID has twelve digits."),
    "password of no demo": (
        "demo: true\n",
        "demo: false\n",
        "49: password: passwords stand only in",
    ),
    "a rule": ("weekdays: [tue, mon]", "weekdays: []", "29: weekdays: "),
    "no blocks": (
        WHOLE[WHOLE.index("    blocks:") : WHOLE.index("closures")],
        "    blocks: []\n",
        "32: blocks: a template needs blocks.",
    ),
    "a database rule": (
        "start: 12:30, end: 13:00, slot_minutes: 10, slot_type: Routine",
        "start: 12:30, end: 13:00, gp_connect_bookable: true",
        "33: it breaks the rule “bookable block has channel and type”.",
    ),
}


@pytest.mark.parametrize(("old", "new", "expected"), WRONG.values(), ids=WRONG)
def test_a_fault_is_said_with_its_line_and_nothing_is_loaded(old, new, expected):
    assert old in WHOLE

    found = problems(WHOLE.replace(old, new, 1))

    assert any(problem.startswith(expected) for problem in found), found
    assert not Organisation.objects.exists()
    assert not User.objects.exists()


@pytest.mark.parametrize("content", ["", "- a\n", "just words\n"], ids=["empty", "list", "words"])
def test_what_is_no_practice_file_is_refused(content):
    assert problems(content)[0].startswith("1: ")


def test_all_faults_of_all_files_are_said_at_once():
    with pytest.raises(FilesRefused) as refusal:
        load(
            one=WHOLE.replace("[en]", "[xx]").replace("asid: ", "asid: 1 # "),
            other=WHOLE.replace("A00001", "B00002").replace("value: 07700", "valu: 07700"),
            good=WHOLE.replace("A00001", "C00003"),
        )

    assert [(problem.file, problem.line) for problem in refusal.value.problems] == [
        ("one.yaml", 5),
        ("other.yaml", 46),
        ("other.yaml", 46),
    ]
    assert str(refusal.value).startswith("one.yaml, line 5: asid: An ASID has twelve digits.")
    assert not Organisation.objects.exists()


def test_a_broken_record_does_not_make_those_that_name_it_wrong():
    content = WHOLE.replace("  - name: Branch\n", "  - name: Branch\n    status: gone\n")

    assert problems(content) == ["13: status: Value 'gone' is not a valid choice."]


OTHER = """\
practice: {ods_code: A00002, name: Neighbour}
practitioners:
  - sds_user_id: G1
    family_name: Specimen
    roles: [{role: R6300, sds_role_profile_id: PT2}]
staff:
  - {username: rita, roles: [Receptionist]}
"""


def test_people_of_two_practices_are_in_both_files():
    load(one=WHOLE, two=OTHER)

    holder, user = Practitioner.objects.get(), User.objects.get()
    assert {role.organisation.ods_code for role in holder.roles.all()} == {"A00001", "A00002"}
    assert user.memberships.count() == 2
    load(one=WHOLE)
    load(two=OTHER.replace("PT2}", "PT2, active: false}"))
    assert [role.active for role in holder.roles.order_by("pk")] == [True, False]


@pytest.mark.req("SEC-027")
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("family_name: Specimen", "family_name: Renamed", "4: family_name: Dr Specimen works at"),
        ("family_name: Sp", "languages: [fr]\n    family_name: Sp", "4: languages: Dr Specimen"),
        ("[Receptionist]", "[Practice administrator]", "7: roles: Practice administrator: rita"),
        ("rita,", "rita, last_name: Renamed,", "7: last_name: rita works at another practice too"),
    ],
    ids=["name", "languages", "more rights", "name of staff"],
)
def test_the_file_of_one_practice_changes_nobody_of_another(old, new, expected):
    load(one=WHOLE)
    load(two=OTHER)
    before = [list(Practitioner.objects.values()), list(User.objects.values())]

    with pytest.raises(FilesRefused) as refusal:
        load(two=OTHER.replace(old, new))

    [problem] = refusal.value.problems
    assert f"{problem.line}: {problem.reason}".startswith(expected)
    assert [list(Practitioner.objects.values()), list(User.objects.values())] == before
    assert User.objects.get().groups.get().name == "Receptionist"


def test_the_file_of_a_practice_changes_no_superuser():
    User.objects.create_superuser("rita", password="x")

    with pytest.raises(FilesRefused, match="last_name"):
        load(two=OTHER.replace("rita,", "rita, last_name: Renamed,"))


def test_somebody_without_a_role_would_not_work_here():
    roles = "roles: [{role: R6300, sds_role_profile_id: PT2}]"
    assert problems(OTHER.replace(roles, "roles: []")) == [
        "5: roles: without one this person would not work here."
    ]


def test_a_main_surgery_is_not_taken_over_by_another():
    load(whole=WHOLE)

    with pytest.raises(FilesRefused, match="the practice has another main surgery"):
        load(whole=WHOLE.replace("name: Main\n", "name: New\n"))


# ---------------------------------------------------------------- documents and demo


def fields(spec) -> set[str]:
    """The names of all fields, however deep."""
    if isinstance(spec, Required):
        return fields(spec.read)
    if isinstance(spec, practice_file.ListOf):
        return fields(spec.item)
    if isinstance(spec, dict):
        return set(spec).union(*(fields(below) for below in spec.values()))
    return set()


def test_every_field_is_in_the_documentation():
    described = (Path(settings.BASE_DIR) / "docs" / "practice_files.md").read_text()

    missing = {name for name in fields(practice_file.FILE) if f"`{name}`" not in described}
    assert missing == {"demo"}


def test_the_demo_practices_load_twice_and_fill_a_diary():
    files = {path.name: path.read_text() for path in PRACTICES}

    first = load_practices(files=files, actor=OPERATOR, now=NOW)
    again = load_practices(files=files, actor=OPERATOR, now=NOW)

    assert len(first) == len(PRACTICES) == 4
    assert not any(loaded.created or loaded.changed for loaded in again)
    assert Patient.objects.count() >= 60
    for loaded in first:
        run = runs.generate(
            organisation=loaded.organisation,
            from_date=NOW.date(),
            to_date=date(2026, 12, 8),
            actor=OPERATOR,
            now=NOW,
        )
        assert run.slots_created > 100
        closures = [each.name for each in loaded.organisation.closures.all()]
        assert [
            one for one in run.skipped if not any(name in one["reason"] for name in closures)
        ] == []


def test_nobody_in_the_demo_can_be_a_real_person():
    """NHS numbers of the test range, telephone numbers and domains of fiction, no postcodes."""
    for path in sorted(DEMO.glob("*.yaml")):
        content = path.read_text()
        for number in re.findall(r'nhs_number: "?(\d+)', content):
            assert number.startswith("999")
            assert nhs_number.is_valid(number)
        phones = re.findall(r"\b0\d{2,4} \d{3,6}(?: \d{4})?\b", content)
        fictional = re.compile(r"01632 960\d{3}|0113 496 0\d{3}|07700 900\d{3}|0808 157 0\d{3}")
        assert [phone for phone in phones if not fictional.fullmatch(phone)] == []
        assert set(re.findall(r"postal_code: (..)", content)) <= {"XX"}
        assert all(host.endswith("example.com") for host in re.findall(r"@(\S+?),? ", content))


def test_the_demo_directory_of_people_can_be_read_and_has_one_of_each_flag(settings):
    settings.DEMOGRAPHICS_FILE = str(DEMO / "demographics.yaml")
    people = yaml.safe_load((DEMO / "demographics.yaml").read_text())
    registered = {
        patient["nhs_number"]
        for path in PRACTICES
        for patient in read(path.name, path.read_text(), today=NOW.date())[0]["patients"]
    }

    found = [demographics.service().retrieve(person["nhs_number"]) for person in people]

    strangers = [person for person in found if person.nhs_number not in registered]
    assert sum(person.may_be_shared for person in strangers) >= 5
    for flag in demographics.FLAGS:
        assert any(getattr(person, flag) for person in strangers)
