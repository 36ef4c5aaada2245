"""A report for people, or for machines. It may have to tell that there are no settings."""

import json
from dataclasses import asdict

from config.doctor.findings import Finding, Report

WELL, ILL = 0, 1


def in_json(report: Report) -> str:
    """One JSON object."""
    return json.dumps({"well": not report.findings, **asdict(report)}, indent=2)


def in_words(report: Report) -> str:
    """A paragraph for each finding; then what could not be looked at; then a sentence."""
    parts = [_paragraph(finding) for finding in report.findings]
    if report.not_looked:
        parts.append(
            "Not looked at:\n"
            + "\n".join(f"  {each.question}: {each.why}" for each in report.not_looked)
        )
    number = len(report.findings)
    found = "nothing wrong" if not number else "1 finding" if number == 1 else f"{number} findings"
    parts.append(f"{len(report.asked)} questions, {found}.")
    return "\n\n".join(parts)


def _paragraph(finding: Finding) -> str:
    lines = [
        f"WRONG  {finding.what}  [{finding.id}]",
        f"  seen in  {finding.where}",
        f"  to do    {finding.remedy}",
    ]
    lines += [f"           $ {line}" for line in finding.command.splitlines()]
    return "\n".join(lines)


def settings_unreadable(why: str) -> Report:
    """That the settings themselves stop the start, so that nothing else could be asked."""
    finding = Finding(
        id="settings.unreadable",
        what=f"The application cannot start: {why}",
        where="the environment of this command (/etc/appointments/environment, if it was read)",
        remedy="Set it there (docs/reference/configuration.md says what each setting is), and run "
        "this with the service's environment.",
    )
    return Report(asked=["settings"], findings=[finding])
