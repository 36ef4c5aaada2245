"""What an event of the audit trail says, in words: the sentence after the name of who did it.

Events are named "subject.verb" ("slot.block"), those from outside by GP Connect's own name of the
interaction. Each is put into words from both parts, but for those that PHRASES names whole.
"""

from typing import Any

from practice.models import AuditEvent

# GP Connect's interactions, by the end of their names.
FROM_OUTSIDE = {
    "read:metadata-1": "asked what this practice can do",
    "read:metadata": "asked what this practice can do",
    "search:slot-1": "searched for free slots",
    "create:appointment-1": "booked an appointment",
    "search:patient_appointments-1": "asked for a patient’s appointments",
    "read:appointment-1": "read an appointment",
    "update:appointment-1": "changed an appointment",
    "cancel:appointment-1": "cancelled an appointment",
    "search:patient-1": "looked a patient up by NHS number",
    "read:patient-1": "read a patient’s details",
    "gpc.registerpatient-1": "registered a patient",
    "search:practitioner-1": "looked a clinician up",
    "read:practitioner-1": "read a clinician’s details",
    "search:organization-1": "looked the practice up",
    "read:organization-1": "read the practice’s details",
    "read:location-1": "read the details of a place",
    "search:healthcareservice-1": "looked the practice’s services up",
    "read:healthcareservice-1": "read the details of a service",
}

UNKNOWN = "sent a request that is not one of GP Connect’s"

PHRASES = {
    "sign-in": "signed in",
    "sign-out": "signed out",
    "verify-patient": "checked an NHS number against the national record",
    "front_page.viewed": "looked at the front page",
    "diary.viewed": "looked at the diary",
    "clinic_list.viewed": "looked at the clinic list",
    "call_list.viewed": "looked at the call list",
    "cancellation_list.viewed": "looked at the cancellation list",
    "cancellation_list.joined": "put a patient on the cancellation list",
    "cancellation_list.changed": "changed what a patient on the cancellation list waits for",
    "cancellation_list.asked": "asked a patient on the cancellation list about a time",
    "cancellation_list.met": "gave a patient on the cancellation list a time",
    "cancellation_list.withdrawn": "took a patient off the cancellation list",
    "elsewhere.searched": "asked other organisations for free times",
    "elsewhere.looked_for": "asked another organisation whether it knows a patient",
    "elsewhere.asked": "set about booking at another organisation",
    "elsewhere.registering": "sent a patient’s registration to another organisation",
    "elsewhere.registered": "registered a patient at another organisation",
    "elsewhere.sent": "sent a booking to another organisation",
    "elsewhere.booked": "booked an appointment at another organisation",
    "elsewhere.not_booked": "booked nothing at another organisation",
    "elsewhere.not_known": "had no answer from another organisation to a change",
    "elsewhere.found_out": "asked another organisation what stands there",
    "elsewhere.cancel_asked": "sent a cancellation to another organisation",
    "elsewhere.cancelled": "cancelled an appointment at another organisation",
    "elsewhere.not_cancelled": "cancelled nothing at another organisation",
    "elsewhere.viewed": "looked at an appointment at another organisation",
    "old_times.viewed": "looked at who may have their old time back",
    "measures.viewed": "looked at the appointments behind a measure",
    "template_plan.viewed": "looked at what a template would change",
    "rehearsal.begun": "began a rehearsal with another organisation",
    "rehearsal.booking_seen": "saw what was booked in a rehearsal",
    "rehearsal.ended": "ended a rehearsal",
    "sandbox.made": "made the sandbox of a supplier",
    "sandbox.reset": "reset the sandbox of a supplier",
    "sandbox.removed": "removed the sandbox of a supplier",
    "sandbox.viewed": "looked at what a supplier sent to their sandbox",
    "patient.searched": "looked for a patient",
    "patient.registered": "registered a patient",
    "patient.identified": "confirmed who a patient is",
    "patient.note_written": "wrote a note about a patient",
    "patient.note_ended": "ended a note about a patient",
    "audit.searched": "searched the audit trail",
    "auditevent.searched": "looked into the audit trail",
    "auditevent.viewed": "looked at an entry of the audit trail",
    "audit.export": "took a part of the audit trail out",
    "appointment.patient_contacted": "noted a call to a patient",
    "appointment.told_taken_back": "took back that a patient was told",
    "appointment.how-booked": "said how an appointment was booked",
    "appointment.attended": "marked a patient as seen",
    "appointment.arrived": "marked a patient as arrived",
    "slot.add-extra": "added an extra slot",
    "slot.make-bookable": "offered slots to other organisations",
    "slot.make-not-bookable": "took slots back from other organisations",
    "slot.give": "gave slots to an access profile",
    "slot.restore": "put slots back into the diary",
    "series.viewed": "looked at appointments that were booked together",
    "series.booked": "booked appointments together",
    "series.cancelled": "cancelled appointments that were booked together",
    "slottype.accept-warnings": "accepted warnings about a slot type",
    "session.change-holder": "gave a session to another holder",
    "diary.generate": "applied templates to the diary",
    "diary.archived": "archived old days of the diary",
    "organisation.switch": "switched GP Connect",
    "service_filtering.switch": "turned the supplier’s switch of service filtering",
    "practice.load": "loaded a practice from a file",
    "practice.imported": "imported records of another system",
    "practice.exported": "exported the practice’s records",
    "practice.dumped": "wrote the whole practice into a file",
    "practice.directory_filled": "filled the directory from published files",
    "weekly_return.made": "made the return of a week",
    "weekly_return.downloaded": "took a file of a weekly return out",
    "national_data.load": "loaded the national categories",
    "database.backup": "made a backup",
    "database.restore": "restored a backup",
    "calendar_feed.read": "read a calendar feed",
    "second-factor.on": "switched the second factor on",
    "second-factor.off": "switched the second factor off",
    "second-factor.recovery-codes": "made new recovery codes",
    "user.change-password": "changed a password",
    "user.make-administrator": "made an administrator of the whole installation",
}

SUBJECTS = {
    "accessprofile": "an access profile",
    "appointment": "an appointment",
    "calendar_feed": "a calendar feed",
    "calendarfeed": "a calendar feed",
    "closure": "a closure",
    "diaryview": "a view of the diary",
    "generationrun": "a generation run",
    "group": "a role",
    "healthcareservice": "a service",
    "location": "a place",
    "membership": "who works here",
    "organisation": "the practice",
    "patient": "a patient",
    "practitioner": "a clinician",
    "practitionerrole": "a clinician’s role",
    "promise": "a promise",
    "remoteservice": "an organisation elsewhere",
    "schedule": "a session",
    "session": "a session",
    "sessiontemplate": "a template",
    "slot": "slots",
    "slottype": "a slot type",
    "spreadsheet": "a spreadsheet",
    "user": "a member of staff",
}

VERBS = {
    "add": "added",
    "change": "changed",
    "clone": "copied",
    "create": "added",
    "delete": "removed",
    "give": "gave",
    "listed": "looked at a list with",
    "load": "loaded",
    "map": "mapped",
    "searched": "searched for",
    "upload": "uploaded",
    "viewed": "looked at",
    "stop": "stopped",
    "expire": "let run out:",
    "done": "finished",
    "continue": "went on with",
    "confirm": "confirmed",
    "export": "took out",
    "cancel": "cancelled",
    "split": "split",
    "withdraw": "withdrew",
    "withdrawn": "withdrew",
    "made": "made",
}


def phrase(event: AuditEvent) -> str:
    """Say what was done: "looked at the call list of Off sick", "booked an appointment"."""
    if event.door == AuditEvent.Door.GP_CONNECT and ":fhir:" not in event.event:
        return UNKNOWN
    said = phrase_of(event.event)
    of = event.detail.get("of") if isinstance(event.detail, dict) else None
    return f"{said} of {of}" if isinstance(of, str) and event.event in PHRASES else said


def phrase_of(name: str) -> str:
    """Say what an event of this name is, whoever did it to what."""
    _, outside, end = name.partition(":fhir:")
    if outside:
        return FROM_OUTSIDE.get(end.removeprefix("rest:").removeprefix("operation:"), UNKNOWN)
    if name in PHRASES:
        return PHRASES[name]
    subject, _, verb = name.partition(".")
    said = subject.replace("_", " ").replace("-", " ")
    return f"{past(verb or 'did')} {SUBJECTS.get(subject, said)}"


def past(verb: str) -> str:
    """A verb as it was done: block, blocked; "booked" stays."""
    if verb in VERBS:
        return VERBS[verb]
    plain = verb.replace("_", " ").replace("-", " ")
    if plain.endswith("ed"):
        return plain
    return f"{plain}d" if plain.endswith("e") else f"{plain}ed"


def changed_fields(event: AuditEvent) -> str:
    """Name the fields that a change was of: "telephone, postal code"; empty: none are told."""
    changes: Any = event.detail.get("changes") if isinstance(event.detail, dict) else None
    if not isinstance(changes, dict):
        return ""
    return ", ".join(name.replace("_", " ") for name in sorted(changes))
