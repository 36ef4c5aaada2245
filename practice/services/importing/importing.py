"""Storing what was staged, in one transaction: all of it, or nothing where anything is wrong.

Records are added, and none is changed: what is here already, by an earlier import, by its number
in the whole country or by its name, stays as it is, whoever shares it. So importing again changes
nothing. Ids are new, unless the practice comes with the files: then it keeps those that it had,
where they are free, as other organisations hold them.
"""

from datetime import datetime

from django.db import transaction

from practice.models import DiaryChange
from practice.reads import diary_check
from practice.services.audit.recording import Actor, record_done
from practice.services.importing import appointments, directory, sessions
from practice.services.importing.records import Place, Report
from practice.services.importing.stage import Stage
from practice.services.importing.writing import Import, Progress
from practice.services.slot_types import keep_known_all

EVENT = "practice.imported"


@transaction.atomic
def import_records(
    *, report: Report, stage: Stage, actor: Actor, now: datetime, progress: Progress
) -> None:
    """Store what is staged, unless anything is wrong or the report is of a dry run.

    ``report`` is what the files were read to, and is filled. ``progress`` hears how many records
    more have been looked at.
    """
    run = Import(report, stage, actor, now, progress)
    if directory.import_practice(run):
        run.each_page("Location", directory.import_locations)
        directory.choose_main_location(run)
        directory.leave_strangers(run)
        run.each_page("Practitioner", directory.import_practitioners)
        run.each_page("PractitionerRole", directory.import_roles)
        directory.part_versions(run)
        run.each_page("Patient", directory.import_patients)
        run.look_at("Slot", sessions.find_owners)
        run.each_page("Schedule", sessions.plan_sessions)
        sessions.import_sessions(run)
        run.look_at("Appointment", appointments.find_slots)
        appointments.refuse_doubles(run)
        run.each_page("Slot", sessions.import_slots)
        run.each_page("Appointment", appointments.import_appointments)
        finish(run)
    if report.is_refused or report.dry_run:
        transaction.set_rollback(True)


def finish(run: Import) -> None:
    """The diary as a whole; then the event."""
    if not run.report.is_refused:
        refuse_forgotten(run)
        check_diary(run)
    keep_known_all(run.organisation)
    if run.is_new:  # nobody has seen this practice yet, so no open page need be told
        DiaryChange.objects.filter(organisation=run.organisation).delete()
    files = [name for (name,) in run.stage.query("SELECT name FROM file ORDER BY id LIMIT 100")]
    record_done(
        EVENT,
        run.organisation,
        actor=run.actor,
        now=run.now,
        detail={"files": files, "made": dict(run.report.made)},
    )


def refuse_forgotten(run: Import) -> None:
    """Refuse what was neither stored nor left, and of which nothing was told: that must not be."""
    for number, kind in run.stage.query(
        "SELECT count(*), kind FROM record WHERE state IN ('new', 'broken') GROUP BY kind"
    ):
        run.report.problem(Place("the files"), kind, f"{number} could not be stored")


def check_diary(run: Import) -> None:
    """What no rule of the database sees is told by file and entry, as ``check_diary`` sees it."""
    for fault in diary_check.faults(now=run.now, organisation=run.organisation):
        own = fault.practice == run.organisation.ods_code
        told = False
        for example in fault.examples if own else ():
            kind, _, rest = example.partition("/")
            for place, shown in run.stage.places(kind, int(rest.partition(" ")[0])):
                run.report.problem(place, shown, f"as a whole: {fault.rule}")
                told = True
        if not told:
            where = ", ".join(fault.examples) if own else "with another practice"
            run.report.problem(Place("the diary"), "", f"{fault.rule}: {where}")
