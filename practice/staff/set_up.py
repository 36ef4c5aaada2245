"""Setting up a practice: every step from nothing to the first search from outside, and how far."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import get_text_list

from practice import clock
from practice.models import Organisation
from practice.reads.bookability import is_open
from practice.reads.set_up import SetUp, set_up
from practice.reads.worklist import FEW_DAYS
from practice.site.words import counted
from practice.staff.base import StaffPage

NAMED = 3  # of people to whom something is missing; the rest is counted


class State(StrEnum):
    """How far a step is, in the word that the page shows."""

    DONE = "Done"
    BEGUN = "Something is missing"
    OPEN = "To do"
    WAITS = "Waits"


class Way(NamedTuple):
    """A page where a step is done, for whoever may open it."""

    words: str
    page: str
    permission: str
    pk: int | None = None

    @property
    def address(self) -> str:
        return reverse(f"admin:{self.page}", args=[self.pk] if self.pk else [])


@dataclass(frozen=True)
class Step:
    """A step: how far it is, in words, and the ways to go on."""

    name: str
    who: str
    state: State
    said: str
    ways: tuple[Way, ...] = ()
    number: int = 0
    waits_for: str = ""

    @property
    def is_done(self) -> bool:
        return self.state == State.DONE


class Milestone(NamedTuple):
    """What works once every step above it is done."""

    name: str
    steps: list[Step]

    @property
    def left(self) -> int:
        return sum(not step.is_done for step in self.steps)


MANAGER, ADMINISTRATOR = "Practice manager", "Practice administrator"


def the_practice(practice: Organisation, there: SetUp) -> Step:
    missing = [
        words
        for words, value in (
            ("an address", practice.address_line_1),
            ("a postcode", practice.postal_code),
            ("a telephone number", practice.telephone),
        )
        if not value
    ]
    return Step(
        "The practice",
        MANAGER,
        State.BEGUN if missing else State.DONE,
        f"{practice} still needs {get_text_list(missing, 'and')}." if missing else f"{practice}.",
        (Way("Change the practice", "practice_organisation_change", CHANGES, practice.pk),),
    )


def places(practice: Organisation, there: SetUp) -> Step:
    said = f"{counted(there.places, 'place')} where patients are seen."
    state = State.DONE
    if not there.places:
        state, said = State.OPEN, "There is none yet: add the surgery, and each branch."
    elif there.places_without_address:
        state = State.BEGUN
        said += (
            f" {there.places_without_address} without a full address: "
            "no slot there is offered to others."
        )
    return Step(
        "Places",
        MANAGER,
        state,
        said,
        (
            Way("Add a place", "practice_location_add", "practice.add_location"),
            Way("See the places", "practice_location_changelist", "practice.view_location"),
        ),
    )


def people(practice: Organisation, there: SetUp) -> Step:
    said = f"{counted(there.holders, 'clinician')} with a role."
    state = State.DONE
    if not there.holders:
        state, said = State.OPEN, "Nobody yet: add each clinician with their role here."
    elif nameless := there.holders_without_number:
        state = State.BEGUN
        named = get_text_list(nameless[:NAMED], "and")
        more = len(nameless) - NAMED
        said += (
            f" {named}{f' and {more} more' if more > 0 else ''} without an SDS user ID: other "
            "systems cannot look them up."
        )
    return Step(
        "People who hold sessions",
        MANAGER,
        state,
        said,
        (
            Way("Add a clinician", "practice_practitioner_add", "practice.add_practitioner"),
            Way(
                "See the clinicians",
                "practice_practitioner_changelist",
                "practice.view_practitioner",
            ),
            Way("Import a spreadsheet", "sheets", "practice.use_spreadsheets"),
        ),
    )


def staff(practice: Organisation, there: SetUp) -> Step:
    found = there.staff
    roles = get_text_list([f"{number} as {role}" for role, number in found.by_role.items()], "and")
    said = (
        f"{counted(found.people, 'person', 'people')} may sign in{f': {roles}' if roles else ''}."
    )
    state = State.DONE
    if found.people < 2:
        state = State.OPEN
        said += " Add those who work at the front desk, each with an account of their own."
    elif found.without_role:
        state = State.BEGUN
        said += f" {found.without_role} without a role: they can do nothing yet."
    if found.never_signed_in:
        said += f" {found.never_signed_in} never signed in so far."
    return Step(
        "Who may sign in",
        ADMINISTRATOR,
        state,
        said,
        (
            Way("Add a member of staff", "auth_user_add", "auth.add_user"),
            Way("See who may sign in", "auth_user_changelist", "auth.view_user"),
        ),
    )


def slot_types(practice: Organisation, there: SetUp) -> Step:
    state = State.DONE
    said = f"{counted(there.slot_types, 'slot type')}, each with its national category."
    if not there.slot_types:
        state = State.OPEN
        said = (
            "None yet: add what your appointments are called, such as “Routine” or “Duty doctor”."
        )
    elif there.unmapped:
        state = State.BEGUN
        said = (
            f"{there.unmapped} of {there.slot_types} without a national category: no template may "
            "begin to use them."
        )
    return Step(
        "Slot types and national categories",
        MANAGER,
        state,
        said,
        (
            Way("National categories", "practice_slottype_changelist", "practice.view_slottype"),
            Way("Add a slot type", "practice_slottype_add", "practice.add_slottype"),
        ),
    )


def templates(practice: Organisation, there: SetUp) -> Step:
    said = f"{counted(there.templates, 'template')}: what repeats each week."
    if not there.templates:
        said = "There is none yet, so there is no diary. Build the first: who, where, which days."
    return Step(
        "A first template",
        MANAGER,
        State.DONE if there.templates else State.OPEN,
        said,
        (
            Way("Build a template", "practice_sessiontemplate_add", "practice.add_sessiontemplate"),
            Way(
                "See the templates",
                "practice_sessiontemplate_changelist",
                "practice.view_sessiontemplate",
            ),
            Way("Import a rota", "sheets", "practice.use_spreadsheets"),
        ),
    )


def closed_days(practice: Organisation, there: SetUp) -> Step:
    until = there.bank_holidays_to
    said = (
        f"Bank holidays of England are in until {until.day} {until:%B %Y}."
        if until
        else "Bank holidays are put in by themselves when the diary is first made."
    )
    said += (
        f" {counted(there.closures, 'other closure')} to come."
        if there.closures
        else " Training afternoons and leave are not: none is entered."
    )
    return Step(
        "Days when you are closed",
        MANAGER,
        State.DONE,
        said,
        (
            Way("Enter a closure", "practice_closure_add", "practice.add_closure"),
            Way("See the closures", "practice_closure_changelist", "practice.view_closure"),
        ),
    )


def diary(practice: Organisation, there: SetUp) -> Step:
    state = State.DONE
    said = f"The diary reaches {counted(there.days_left, 'day')} ahead, and grows every night."
    if not there.days_left:
        state = State.OPEN
        said = "Look at what the templates would make, and make it, some weeks ahead."
    elif there.runs_out:
        state = State.BEGUN
        said = (
            f"The diary reaches only {counted(there.days_left, 'day')} ahead: make at least "
            f"{FEW_DAYS}."
        )
    return Step(
        "The first weeks of diary",
        f"{MANAGER}; then by itself, every night",
        state,
        said,
        (
            Way("Make the diary", "practice_generationrun_add", "practice.add_generationrun"),
            Way("See the diary", "diary", "practice.view_slot"),
        ),
        waits_for="" if there.templates else "a first template",
    )


def patients(practice: Organisation, there: SetUp) -> Step:
    said = f"{counted(there.patients, 'patient')}."
    if not there.patients:
        said = (
            "None yet. Bring them in from a file, or let reception register each when they call. "
            "The operator can import a whole list from another system."
        )
    return Step(
        "Patients",
        MANAGER,
        State.DONE if there.patients else State.OPEN,
        said,
        (
            Way("Register a patient", "practice_patient_add", "practice.add_patient"),
            Way("Import a spreadsheet", "sheets", "practice.use_spreadsheets"),
        ),
    )


def who_may_book(practice: Organisation, there: SetUp) -> Step:
    state, said = State.DONE, f"{counted(there.marked_slots, 'slot')} to come marked for others."
    if not there.bookable_templates and not there.marked_slots:
        state = State.OPEN
        said = (
            "No slot is marked for others. Mark blocks of a template as GP Connect bookable; an "
            "access profile says for whom, without one for everybody."
        )
    elif not there.marked_slots:
        state = State.BEGUN
        said = (
            f"{counted(there.bookable_templates, 'template')} with slots for others, but none is "
            "in the diary yet: make it again."
        )
    said += f" {counted(there.profiles, 'access profile')}, {counted(there.promises, 'promise')}."
    return Step(
        "Who may book, and what is promised",
        MANAGER,
        state,
        said,
        (
            Way(
                "Who may book what",
                "practice_accessprofile_changelist",
                "practice.view_accessprofile",
            ),
            Way("Add a promise", "add_promise", "practice.add_promise"),
            Way(
                "Templates", "practice_sessiontemplate_changelist", "practice.view_sessiontemplate"
            ),
        ),
        waits_for="" if there.templates else "a first template",
    )


def the_door(practice: Organisation, there: SetUp) -> Step:
    parts = (
        ("the ASID, which the NHS gives", bool(practice.asid)),
        ("GP Connect switched on", practice.gp_connect_enabled),
        ("appointment management switched on", practice.appointment_management_enabled),
    )
    missing = [words for words, is_there in parts if not is_there]
    said = "Others can reach the practice."
    if missing:
        number = len(parts) - len(missing)
        said = f"{number} of {len(parts)}. Still to come: {get_text_list(missing, 'and')}."
    return Step(
        "The door to outside",
        f"{ADMINISTRATOR}, with the NHS and the operator",
        State.DONE if not missing else State.BEGUN if len(missing) < len(parts) else State.OPEN,
        said,
        (Way("Change the practice", "practice_organisation_change", CHANGES, practice.pk),),
    )


def first_search(practice: Organisation, there: SetUp) -> Step:
    if there.search:
        at = clock.local(there.search.at)
        said = f"Last by {there.search.by}, on {at:%A} {at.day} {at:%B} at {at:%H:%M}."
    else:
        said = "Nobody outside has searched in the last four weeks. It appears here by itself."
    return Step(
        "First search from outside",
        "The other organisation",
        State.DONE if there.search else State.OPEN,
        said,
        (Way("What others are offered", "visibility", "practice.view_accessprofile"),),
        waits_for="" if is_open(practice) else "the door to outside",
    )


CHANGES = "practice.change_organisation"
Describes = Callable[[Organisation, SetUp], Step]
# The order is the one in which nobody has to go back.
MILESTONES: tuple[tuple[str, tuple[Describes, ...]], ...] = (
    (
        "Reception can work",
        (
            the_practice,
            places,
            people,
            staff,
            slot_types,
            templates,
            closed_days,
            diary,
            patients,
        ),
    ),
    ("Others can book", (who_may_book, the_door, first_search)),
)


def milestones(practice: Organisation, there: SetUp) -> list[Milestone]:
    """Return every step, numbered through, below what it is needed for."""
    number, found = 0, []
    for name, describe in MILESTONES:
        steps = []
        for describes in describe:
            number += 1
            step = replace(describes(practice, there), number=number)
            if step.waits_for and not step.is_done:
                step = replace(
                    step, state=State.WAITS, said=f"Waits for {step.waits_for}. {step.said}"
                )
            steps.append(step)
        found.append(Milestone(name, steps))
    return found


class SetUpPage(StaffPage):
    """The page. Nothing is written here: each step is done on the page of its own job."""

    permission = CHANGES
    template = "staff/set_up/page.html"
    title = "Setting up"

    def get(self, request: HttpRequest) -> HttpResponse:
        there = set_up(self.practice, now=self.now)
        found = milestones(self.practice, there)
        steps = [step for milestone in found for step in milestone.steps]
        still = [step for step in steps if not step.is_done and step.state != State.WAITS]
        return self.render(
            milestones=[(each, [(step, self.ways(step)) for step in each.steps]) for each in found],
            steps=steps,
            done=sum(step.is_done for step in steps),
            next=next(iter(still), None),
        )

    def ways(self, step: Step) -> list[Way]:
        """Those that the reader may go."""
        return [way for way in step.ways if self.reader.has_perm(way.permission)]
