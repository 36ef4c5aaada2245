"""All checks, in the order in which their findings are told: what comes first explains the rest."""

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime

from django.db import Error, transaction
from psycopg.errors import InsufficientPrivilege

from config.doctor import (
    certificates,
    configuration,
    database,
    files,
    replicas,
    rights,
    static,
    tasks,
    units,
)
from config.doctor.findings import Check, Finding, Installation, NotLooked, Report

CHECKS: Mapping[str, Check] = {
    "settings": configuration.settings_as_for_production,
    "static files": static.files_of_this_version,
    "services and timers": units.running,
    "this machine's clock": units.clock_is_set,
    "folders": files.folders_writable,
    "files with secrets": files.secrets_kept,
    "keys of the sealer": files.keys_of_the_sealer,
    "certificates": certificates.days_left,
    "audit events kept aside": tasks.spool_taken_in,
}
# These ask the database, and are left out when it does not answer.
OF_THE_DATABASE: Mapping[str, Check] = {
    "version of the database": database.version,
    "the database's clock": database.clocks,
    "disk space": files.disk_space,
    "migrations": database.migrations_applied,
}
# These ask its tables too, and are left out when they are not those of this version.
OF_ITS_TABLES: Mapping[str, Check] = {
    "rights of the serving role": rights.serving_role,
    "the audit trail's own protection": rights.trail_protected,
    "row-level security": rights.rows_guarded,
    "sealing": tasks.trail_sealed,
    "the diary": tasks.diary_generated,
    "nightly tasks": tasks.nights_done,
    "backups": tasks.backups_made,
    "replicas": replicas.replicas_follow,
}


def examine(installation: Installation, *, now: datetime) -> Report:
    """Ask everything. What one check cannot answer keeps no other from being asked."""
    report = Report()
    for question, check in CHECKS.items():
        _ask(report, question, check, installation, now)
    away = database.away()
    report.asked.append("whether the database answers")
    if away:
        report.findings.append(away)
        _leave_out(report, {**OF_THE_DATABASE, **OF_ITS_TABLES}, "the database does not answer")
        return report
    for question, check in OF_THE_DATABASE.items():
        _ask(report, question, check, installation, now, of_database=True)
    if any(finding.id == database.MIGRATIONS for finding in report.findings):
        _leave_out(report, OF_ITS_TABLES, "the migrations have to be applied first")
        return report
    for question, check in OF_ITS_TABLES.items():
        _ask(report, question, check, installation, now, of_database=True)
    return report


def _leave_out(report: Report, checks: Mapping[str, Check], why: str) -> None:
    report.not_looked += [NotLooked(question, why) for question in checks]


def _ask(
    report: Report,
    question: str,
    check: Check,
    installation: Installation,
    now: datetime,
    *,
    of_database: bool = False,
) -> None:
    try:
        with transaction.atomic() if of_database else nullcontext():
            answers = list(check(installation, now))
    except (Error, OSError) as error:
        answers = [_unanswered(question, error)]
    report.asked.append(question)
    for answer in answers:
        if isinstance(answer, Finding):
            report.findings.append(answer)
        else:
            report.not_looked.append(answer)


def _unanswered(question: str, error: Error | OSError) -> Finding | NotLooked:
    """What lacks the right to look was not looked at; anything else that fails is a fault."""
    why = " ".join(str(error).split())
    cause = getattr(error, "__cause__", None)
    if isinstance(error, PermissionError) or isinstance(cause, InsufficientPrivilege):
        return NotLooked(question, f"{why}. Run this as root, or as the service's user")
    return Finding(
        id="doctor.failed",
        what=f"A question could not be asked: {question}. {why}",
        where="this command",
        remedy="If nothing else that is found explains it, tell whoever maintains the program.",
    )
