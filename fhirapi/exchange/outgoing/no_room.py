"""What a practice has and FHIR has no room for: counted, so that nobody believes it came along.

A table. Each line names the columns that it is about; whatever stands in none is in the files
(tests hold that the table and the resources cover every column of a dump).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import models

from practice.models import (
    AccessProfile,
    Appointment,
    AuditEvent,
    CalendarFeed,
    CalledIn,
    CancellationListCall,
    CancellationListClinician,
    CancellationListEntry,
    Closure,
    ContactAttempt,
    DeskMessage,
    DiaryView,
    DiaryViewHolder,
    DiaryViewLocation,
    ExceptionReason,
    HealthcareService,
    HowBooked,
    InSeries,
    Membership,
    Organisation,
    Patient,
    PatientNote,
    Practitioner,
    Promise,
    RemoteAppointment,
    RemoteService,
    Schedule,
    Series,
    SessionTemplate,
    Slot,
    SlotType,
    SlotTypeMapping,
    TemplateBlock,
)
from practice.models.common import OFFER_LIMITS
from practice.reads import whole_book

ALL = "__all__"  # every column of the model


@dataclass(frozen=True)
class NoRoom:
    """What was left out, how many records had it, and what that means."""

    what: str
    number: int
    why: str


@dataclass(frozen=True)
class Rule:
    """Records of a model that hold something in one of these columns."""

    what: str
    why: str
    model: type[models.Model]
    columns: tuple[str, ...] = (ALL,)
    owner: str = "organisation"  # the practice of a record, or what has one; pk: it is one


LIMITS_WHY = "how far ahead, how late and from when others may book has to be set again"
ASKED_WHY = "who outside may book what has to be set again; until then nobody outside may"
DUMP_WHY = "dump_practice takes it along"

RULES = (
    Rule(
        "practice's own settings",
        "switches of GP Connect, ASID, party key, limits, how days end: to be set again",
        Organisation,
        (
            *("asid", "party_key", "gp_connect_enabled", "appointment_management_enabled"),
            *("service_filtering_enabled", "service_filtering_open"),
            *("temporary_registration_days", "close_day_as", "calendar_shows_names"),
            "cancellation_reasons",
            *("bank_holidays_seeded_to", "diary_complete_from", *OFFER_LIMITS),
        ),
        owner="pk",
    ),
    Rule(
        "codes of GPs in the national directory",
        f"GP Connect names clinicians by SDS user ID; {DUMP_WHY}",
        Practitioner,
        ("gmp_code",),
        owner="roles",
    ),
    Rule("members of staff", "accounts and roles are no part of a book in FHIR", Membership),
    Rule("access profiles", ASKED_WHY, AccessProfile),
    Rule("access profiles that name a group", ASKED_WHY, AccessProfile, ("consumer_group",)),
    Rule("promises to others", f"how many slots a day, and to whom; {DUMP_WHY}", Promise),
    Rule("services of the Directory of Services", DUMP_WHY, HealthcareService),
    Rule("slot types", f"slots name theirs; their rules stay: {DUMP_WHY}", SlotType),
    Rule("national categories of slot types", DUMP_WHY, SlotTypeMapping, (ALL,), "slot_type"),
    Rule("saved views of the diary", DUMP_WHY, DiaryView),
    Rule("session holders of saved views", DUMP_WHY, DiaryViewHolder, owner="view"),
    Rule("places of saved views", DUMP_WHY, DiaryViewLocation, owner="view"),
    Rule("session templates", f"plans of sessions; {DUMP_WHY}", SessionTemplate),
    Rule("blocks of templates", f"as the templates; {DUMP_WHY}", TemplateBlock, (ALL,), "template"),
    Rule("closures", f"what they took out of the diary is out of it; {DUMP_WHY}", Closure),
    Rule(
        "patients registered from outside",
        "that it was through GP Connect, and by whom; the registration itself is there",
        Patient,
        ("registered_via", "registration_provenance"),
    ),
    Rule("notes about patients", DUMP_WHY, PatientNote, owner="patient"),
    Rule("sessions with limits of their own", LIMITS_WHY, Schedule, OFFER_LIMITS),
    Rule("sessions under an access profile", ASKED_WHY, Schedule, ("access_profile",)),
    Rule(
        "sessions of a service, or of none",
        DUMP_WHY,
        Schedule,
        ("healthcare_service", "no_healthcare_service"),
    ),
    Rule(
        "sessions planned by a template, or changed by hand",
        "the sessions are there, and no longer belong to a plan",
        Schedule,
        ("template", "changed_by_hand", "extended_from", "extended_to"),
    ),
    Rule(
        "sessions withdrawn",
        "only those that an appointment names are there, as not active",
        Schedule,
        ("withdrawn", "withdrawn_by_plan"),
    ),
    Rule("slots with limits of their own", LIMITS_WHY, Slot, OFFER_LIMITS),
    Rule("slots under an access profile", ASKED_WHY, Slot, ("access_profile",)),
    Rule("slots that others may book", ASKED_WHY, Slot, ("gp_connect_bookable",)),
    Rule("slots changed by hand", "the slots are there as they are", Slot, ("changed_by_hand",)),
    Rule(
        "slots withdrawn",
        "only those that an appointment had are there, as entered in error",
        Slot,
        ("withdrawn", "withdrawn_by_plan"),
    ),
    Rule(
        "appointments' histories",
        "who booked and changed them, and when; export_audit writes the trail",
        Appointment,
        ("provenance", "booked_by", "booked_via"),
    ),
    Rule(
        "appointments counted against an access profile",
        ASKED_WHY,
        Appointment,
        ("access_profile",),
    ),
    Rule(
        "appointments on the worklist",
        "that their session is gone, or the patient still to be told",
        Appointment,
        ("orphaned", "to_be_told"),
    ),
    Rule(
        "appointments moved, or met by a closure",
        "where they were before, and why",
        Appointment,
        ("moved_from", "affected_by"),
    ),
    Rule(
        "how appointments were booked",
        f"by telephone, for whom; {DUMP_WHY}",
        HowBooked,
        owner="appointment",
    ),
    Rule("reasons for booking far ahead", DUMP_WHY, ExceptionReason, owner="appointment"),
    Rule("series", f"which appointments were booked together; {DUMP_WHY}", Series),
    Rule("appointments of series", "as the series", InSeries, owner="series"),
    Rule("who was called in, and when", DUMP_WHY, CalledIn, owner="appointment"),
    Rule("messages between desk and room", DUMP_WHY, DeskMessage, owner="appointment"),
    Rule("calls to patients", DUMP_WHY, ContactAttempt, owner="appointment"),
    Rule("entries of the cancellation list", DUMP_WHY, CancellationListEntry),
    Rule("clinicians of these entries", DUMP_WHY, CancellationListClinician, owner="entry"),
    Rule("calls about times that came free", DUMP_WHY, CancellationListCall, owner="entry"),
    Rule("organisations elsewhere", f"where else the practice books; {DUMP_WHY}", RemoteService),
    Rule("appointments elsewhere", f"they are in others' books; {DUMP_WHY}", RemoteAppointment),
    Rule("calendar feeds", "their addresses are secrets: holders make new ones", CalendarFeed),
    Rule("events of the audit trail", "export_audit writes them, sealed", AuditEvent),
)


def found_no_room(organisation: Organisation) -> list[NoRoom]:
    """What of this practice is not in its export, each with how many records have it."""
    return list(_found(organisation))


def _found(organisation: Organisation) -> Iterator[NoRoom]:
    for rule in RULES:
        columns = () if rule.columns == (ALL,) or rule.model is Organisation else rule.columns
        number = whole_book.how_many_hold(
            rule.model, columns, organisation=organisation, owner=rule.owner
        )
        if number:
            yield NoRoom(rule.what, number, rule.why)
