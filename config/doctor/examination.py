"""All checks, in the order in which their findings are told: what comes first explains the rest."""

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime

from django.db import Error, transaction
from psycopg.errors import InsufficientPrivilege

from config.doctor import configuration, database, rights, static
from config.doctor.findings import Check, Finding, Installation, NotLooked, Report

CHECKS: Mapping[str, Check] = {
    "settings": configuration.settings_as_for_production,
    "static files": static.files_of_this_version,
}
# These ask the database, and are left out when it does not answer.
OF_THE_DATABASE: Mapping[str, Check] = {
    "version of the database": database.version,
    "migrations": database.migrations_applied,
    "rights of the serving role": rights.serving_role,
    "the audit trail's own protection": rights.trail_protected,
    "row-level security": rights.rows_guarded,
}


def examine(installation: Installation, *, now: datetime) -> Report:
    """Ask everything. What one check cannot answer keeps no other from being asked."""
    report = Report()
    for question, check in CHECKS.items():
        _ask(report, question, check, installation, now)
    away = database.away()
    if away:
        report.asked.append("whether the database answers")
        report.findings.append(away)
        report.not_looked += [
            NotLooked(question, "the database does not answer") for question in OF_THE_DATABASE
        ]
        return report
    for question, check in OF_THE_DATABASE.items():
        _ask(report, question, check, installation, now, of_database=True)
    return report


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
