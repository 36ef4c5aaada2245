"""Help: what each page is for, and which keys work there. One topic for each job.

A page finds its topic by the name of its address. "practice_slot" stands for the list of slots, for
one of them and for its history, unless another topic names that page itself.
"""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

VERBS = ("changelist", "add", "change", "history", "delete")


@dataclass(frozen=True)
class Topic:
    """What a page is for, in paragraphs, and its keys with what they do."""

    title: str
    pages: tuple[str, ...]
    said: tuple[str, ...]
    keys: tuple[tuple[str, str], ...] = ()

    @property
    def anchor(self) -> str:
        """Where it stands on the page of help."""
        return self.pages[0].replace("_", "-")


EVERYWHERE = (
    ("Tab, Shift and Tab", "To the next link, field or button, and back"),
    ("Enter", "Follow the link, press the button, send the form"),
    ("Esc", "Close what has opened above the page"),
)

TOPICS = (
    Topic(
        "Front page",
        ("index", "app_list"),
        (
            "Today in a few figures, who waits, what others booked, and what needs somebody. It "
            "follows what happens by itself, within 15 seconds.",
            "Below stands everything that you may open.",
        ),
    ),
    Topic(
        "Diary",
        ("diary", "diary_menu"),
        (
            "A day, a column for each session holder. A click on a slot opens its details beside "
            "the grid; from there you book, move, cancel, mark as arrived, or block.",
            "What others do appears by itself. “New from 111” stays until you have seen it.",
            "The heading of a column has what is done to a whole session: longer, more slots, off "
            "sick today.",
        ),
        (
            ("Arrow keys", "From slot to slot and from column to column"),
            ("Home, End", "First and last slot of the column"),
            ("Enter", "Open the details"),
            ("B", "Book this slot, or the next free one below it"),
            ("A, D, M, C", "Arrived, did not attend, move, cancel"),
            ("Space", "Choose a slot, to change several at once"),
            ("T", "Today"),
            ("/", "Find a patient"),
            ("?", "All keys; letters can be switched off there"),
        ),
    ),
    Topic(
        "Views of the diary",
        ("diary_views", "diary_view_add", "diary_view_change"),
        (
            "A view is a choice of session holders, in an order, and of locations, under a name "
            "such as “Upstairs team”: for yourself, or for everybody at the practice.",
        ),
    ),
    Topic(
        "Book an appointment",
        ("practice_appointment_add", "booked"),
        (
            "Find the patient by NHS number, or by name and date of birth; choose a time; confirm. "
            "From a slot of the diary the time is chosen already.",
            "Somebody who is not registered yet is registered and booked in one form. What you "
            "typed is kept when you go a step back.",
        ),
        (("Enter in the patient’s field", "Find; with one person found, choose them"),),
    ),
    Topic(
        "Register a patient",
        ("practice_patient_add",),
        (
            "Name, date of birth, gender and telephone are enough; without an NHS number too, for "
            "a visitor, a newborn or somebody from abroad. People who could be the same are shown "
            "first. Nobody outside sees the patient before the NHS number is verified.",
        ),
    ),
    Topic(
        "Next available",
        ("next_available",),
        (
            "Who has time on which day, for four weeks: each cell says the first free time of a "
            "clinician on a day, and how many there are. Narrow it by slot type, channel, place, "
            "role, gender, morning or afternoon; a click books.",
        ),
        (
            ("Arrow keys", "From cell to cell"),
            ("Enter", "The free times of that day"),
        ),
    ),
    Topic(
        "An appointment",
        ("practice_appointment", "move"),
        (
            "The list finds appointments by day, patient, state and who booked. Each has its "
            "history: who booked, moved or cancelled it, and when.",
            "To move it, choose a free time; the old one is offered again. What took place can "
            "neither be moved nor cancelled.",
        ),
    ),
    Topic(
        "Worklist",
        ("worklist", "contacted"),
        (
            "Everything that waits for a person: appointments whose session is gone, people still "
            "to be told, times that came free for the cancellation list, sessions that can never "
            "be offered, days short of what was promised, NHS numbers to be traced. A row goes "
            "when its work is done.",
        ),
    ),
    Topic(
        "Book elsewhere",
        (
            *("elsewhere", "elsewhere_book", "elsewhere_now"),
            *("remote_appointment", "practice_remoteservice"),
        ),
        (
            "Book a patient in at another practice or hub. Begin at the patient’s page or with the "
            "free times: tick whom to ask, and their times stand side by side. The patient needs a "
            "verified NHS number; whoever they do not know there is registered there first, and "
            "the page says so before.",
            "Who does not answer within three seconds is named, and nothing is lost. If no answer "
            "comes to the booking itself, it stands as “not known yet”: press “Find out”, which "
            "looks there and settles it. Nothing is ever sent twice by itself.",
            "What was booked stands on the patient’s page, where it is cancelled too. Which "
            "organisations there are is kept by the practice administrator.",
        ),
    ),
    Topic(
        "Cancellation list",
        (
            "cancellation_list",
            "practice_cancellationlistentry",
            "practice_slot_who_would_come",
            "join_cancellation_list",
        ),
        (
            "Patients who would come earlier: on which days, at which hours, with whom, for which "
            "type of slot. Put them on it from their page, their appointment, or where no free "
            "time suits.",
            "A time that came free says who would take it, whoever has asked longest first. Ring "
            "them, then book or move from there; “No answer” and “Not this time” are remembered. "
            "Nobody is moved by itself, and a clinical need is for you to judge.",
            "Somebody leaves the list when they have such a time, when you take them off, or when "
            "their last day is over: then they are shown for two weeks more.",
        ),
    ),
    Topic(
        "Moved patients and their old times",
        ("old_times",),
        (
            "When a closure is opened again, those who were moved away may have their old time "
            "back: ring them, and move those who want it.",
        ),
    ),
    Topic(
        "My list",
        ("own_list", "own_list_changes"),
        (
            "A clinician’s own day, on a telephone too: who has arrived, who is in, who was seen "
            "or did not attend. A note goes to the front desk, and the answer comes back here.",
        ),
    ),
    Topic(
        "Notes of clinicians",
        ("messages",),
        ("A note from a clinician about an appointment, and what the front desk answers.",),
    ),
    Topic(
        "Clinic list",
        ("clinic_list",),
        ("A day on paper: a page for each clinician, with free times. Printing is audited.",),
    ),
    Topic(
        "Appointments booked together",
        ("book_together", "series"),
        (
            "The same time every so many weeks, or a set such as an injection and its review. All "
            "are booked, or none; one can be moved by itself; one or all are cancelled.",
        ),
    ),
    Topic(
        "A slot",
        ("practice_slot",),
        (
            "A piece of a session that one patient can have. Block it, offer it to other "
            "organisations or stop offering it, give it to an access profile, split it, withdraw "
            "it. A withdrawn slot stays in the list, and can come back.",
            "An extra slot is beside the session’s own, for your practice only.",
        ),
    ),
    Topic(
        "Several slots at once",
        ("several_slots",),
        (
            "Tick slots in the list, or choose them in the diary: all are changed, or none, and "
            "each that cannot be is named with the reason.",
        ),
    ),
    Topic(
        "A session",
        ("practice_schedule",),
        (
            "One holder, one place, one date. Change it for this day only: make it longer, add "
            "slots, let it not take place. What repeats is changed in its template.",
        ),
    ),
    Topic(
        "A patient",
        ("practice_patient_page", "practice_patient"),
        (
            "Confirm who is calling by name, date of birth and address; then see what is coming "
            "and what was, book, move, cancel, print a slip. Notes for reception are never shown "
            "outside.",
        ),
    ),
    Topic(
        "Templates",
        ("practice_sessiontemplate",),
        (
            "A template says what repeats: who, where, on which weekdays, from when to when, and "
            "its blocks of slots. Change it and see at once which days it would make. Nothing in "
            "the diary changes before you apply it under Generation.",
            "A template is ended, never deleted: what it made stays.",
        ),
    ),
    Topic(
        "Generation",
        ("practice_generationrun",),
        (
            "Applies templates to days: first you see what would be made, changed or withdrawn, "
            "then it is done exactly so. Appointments are never lost: whoever no longer has a slot "
            "comes to the worklist. Every night it runs by itself.",
        ),
    ),
    Topic(
        "Closures",
        ("practice_closure",),
        (
            "Off sick, leave, training, a holiday: for the practice, a place or a person. Before "
            "it holds you decide for each appointment that it meets; then the call list says whom "
            "to ring. Opening again says what it gives back.",
        ),
    ),
    Topic(
        "National categories",
        ("practice_slottype",),
        (
            "What each of your slot types counts as in the national data. Types without a category "
            "stand first. A change counts from a day on: what past days report stays.",
        ),
    ),
    Topic(
        "Visibility",
        ("visibility",),
        (
            "What an organisation is offered on which days, asked by the same rule as its search, "
            "and why the other slots are not, with the page that mends it. Where one block of a "
            "template keeps many from being offered, change it, apply it, and come back to the "
            "same question. It can be asked as of another moment, and taken out as a file.",
        ),
    ),
    Topic(
        "Going live",
        ("going_live", "rehearsal"),
        (
            "What the system of another organisation needs to know of the practice, to be copied "
            "and sent to its supplier.",
            "A rehearsal tries that system out with a patient and slots that are made for it, and "
            "that nobody else sees: no list, no diary, no figures, no other organisation. Each "
            "step is ticked when the other side has done it; what it does wrong is named.",
            "Press “Yes, we see it” once what is shown is what they say they booked. End the "
            "rehearsal when every step is done, print the sheet, sign it. It ends by itself after "
            "a day, and can be held again.",
        ),
    ),
    Topic(
        "Services",
        ("services", "add_service", "service"),
        (
            "The services that the practice provides, each with its number in the Directory of "
            "Services (DoS). Your DoS lead knows them. A template, or a session by itself, belongs "
            "to one of them, or to none: choose “Not applicable”.",
            "With service filtering switched on, whoever was led to one of your services, such as "
            "by 111, is offered its slots only. Nothing can be made GP Connect bookable then "
            "before somebody has chosen. Below stands how the switches stood before.",
        ),
    ),
    Topic(
        "Service filtering",
        ("service_filtering",),
        (
            "The supplier’s switch, for all practices of the installation: off, on at selected "
            "practices, or on. While it is off, no practice sees its services, and other "
            "organisations meet GP Connect 1.2.7.",
        ),
    ),
    Topic(
        "Promised to others",
        ("promises", "add_promise", "promise"),
        (
            "How many slots a day you promised, and to whom, such as one for every 3,000 patients "
            "to 111. After each change, and every five minutes, it is asked what they find; a day "
            "that is short is said on the front page, on the worklist and by mail, with the cause.",
        ),
    ),
    Topic(
        "Promises in the area",
        ("area",),
        (
            "For area managers: what the practices of their area promised, offer and have booked "
            "for seven days, and why a day is short. It names no patient.",
        ),
    ),
    Topic(
        "Groups of organisations",
        ("groups", "group_add", "group"),
        (
            "For area managers: who is in a group such as NHS 111, from which day until which. A "
            "change is one edit for all practices, and takes effect at midnight.",
        ),
    ),
    Topic(
        "Who really asks",
        ("who_asks",),
        (
            "Each organisation that searched for slots: when last, what it was shown, what it "
            "booked and what was refused. Somebody who is promised slots and went silent, or a "
            "stranger that is shown nothing, may be a provider that has changed.",
        ),
    ),
    Topic(
        "Measures",
        ("measures",),
        (
            "The national measures of your own appointments. Press a number for the appointments "
            "behind it.",
            "The picture shows the last twelve months. Press a column, or a month in the table, "
            "for that month.",
        ),
    ),
    Topic(
        "Weekly returns",
        ("weekly_returns", "weekly_return_file"),
        (
            "The files of each week for the national collection: every appointment, and every slot "
            "that nobody booked. They are made in the night to Monday. A past week stays as it "
            "was, however slot types are mapped later.",
        ),
    ),
    Topic(
        "Utilisation",
        ("utilisation",),
        ("How many slots were offered, booked, missed and left unused; by whom, when and where.",),
    ),
    Topic(
        "Who may book what",
        ("practice_accessprofile",),
        (
            "An access profile names organisations, or types of them, and how many slots they may "
            "take. Set it on a block, session or slot: then nobody else outside may book that.",
        ),
    ),
    Topic(
        "Clinicians",
        ("practice_practitioner",),
        (
            "A person and their roles here. Whoever has a role holds sessions; untick it when it "
            "ends, and old sessions keep it. A person who works at several practices has one "
            "record, and each practice its own roles.",
        ),
    ),
    Topic(
        "Calendar feeds",
        ("calendars",),
        (
            "A secret address at which a clinician’s calendar program reads their sessions. "
            "Whoever knows the address can read it: take it back when it is no longer needed.",
        ),
    ),
    Topic(
        "Places",
        ("practice_location",),
        (
            "Surgeries and branches. Without a full address no slot at a place is offered to "
            "others, because they are shown where it is.",
        ),
    ),
    Topic(
        "The practice",
        ("practice_organisation",),
        (
            "Name, address, the numbers that the NHS gave, how far ahead others may book, and the "
            "two switches of GP Connect. Only who may switch it sees them open; it holds at once.",
        ),
    ),
    Topic(
        "Setting up",
        ("set_up",),
        (
            "What the practice still needs, in the order in which nobody has to go back, from an "
            "address to the first search from outside. Each step leads to the page where it is "
            "done.",
        ),
    ),
    Topic(
        "Spreadsheets",
        ("sheets", "sheet", "sheet_file"),
        (
            "Take records out, change them in a spreadsheet, bring them back: first you see what "
            "each row would change and what is wrong with it, then all rows are taken, or none.",
        ),
    ),
    Topic(
        "Audit trail",
        ("audit_trail", "practice_auditevent"),
        ("Who saw and did what, and when. Nobody can change or remove an entry.",),
    ),
    Topic(
        "Users and roles",
        ("auth_user", "auth_group", "auth_user_password_change", "auth_user_remove_second_factor"),
        (
            "Who may sign in, where they work and in which role. Somebody who leaves is switched "
            "off, not deleted, so that the trail still names them. A lost second factor is taken "
            "away here, and made anew at the next sign-in.",
        ),
    ),
    Topic(
        "Your own account",
        ("second_factor", "password_change", "password_change_done", "choose_practice"),
        (
            "Your password, your second factor (a code from your telephone), and in which practice "
            "you work now, where you have several.",
        ),
    ),
    Topic(
        "Help",
        ("help",),
        ("This page: what each page is for, and its keys.",),
    ),
)

TOPIC_OF = {page: topic for topic in TOPICS for page in topic.pages}


def topic_of(page: str) -> Topic | None:
    """Return the topic of a page, by the name of its address."""
    found = TOPIC_OF.get(page)
    if found is None and "_" in page:
        model, _, verb = page.rpartition("_")
        found = TOPIC_OF.get(model) if verb in VERBS else None
    return found


def help_address(request: HttpRequest) -> str:
    """Return where the help on the page that is being shown stands; empty: there is none."""
    match = request.resolver_match
    topic = topic_of(match.url_name or "") if match else None
    return f"{reverse('admin:help')}#{topic.anchor}" if topic else ""
