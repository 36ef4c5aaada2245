"""A report as one page of HTML that needs nothing else."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from consumer.check.checks import Problem
from consumer.check.report import answered_of, sent_of, summary
from consumer.check.run import FAILED, NOT_SEEN, PASSED, Report, Result

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem;
  color: #212b32; background: #fff; overflow-wrap: anywhere; }
h2 { margin-top: 2.5rem; } h3 { margin: 1.5rem 0 0.25rem; font-size: 1.05rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: #f0f4f5; padding: 0.75rem; overflow-x: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: 0.25rem 0.5rem;
  border-bottom: 1px solid #d8dde0; vertical-align: top; } td { overflow-wrap: anywhere; }
.failed { color: #a80c05; } .passed { color: #00562b; } .other { color: #425563; }
@media (prefers-color-scheme: dark) { body { color: #f0f4f5; background: #14191c; }
  pre { background: #222a2e; } td, th { border-color: #425563; }
  .failed { color: #ff9c92; } .passed { color: #7fd6a4; } .other { color: #b5c4cc; } }
"""


def as_page(report: Report) -> str:
    return "\n".join(parts(report))


def parts(report: Report) -> Iterator[str]:
    title = "GP Connect conformance report"
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>"
    yield f"<p><strong>{escape(summary(report))}</strong></p>"
    yield f"<p>Begun {report.began:%-d %B %Y, %H:%M}. It holds data of the test patient.</p>"
    faults = report.faults
    advice = [each for each in report.of(FAILED) if not each.check.must]
    for heading, results in (("What failed", faults), ("Advice (not mandatory)", advice)):
        if results:
            yield f"<h2>{heading}</h2>"
            for result in results:
                yield from failure(result)
    for heading, outcome in (("Not seen", NOT_SEEN), ("Passed", PASSED)):
        if report.of(outcome):
            yield f"<h2>{heading}</h2>"
            yield from table(report.of(outcome))
    yield "</main></body></html>"


def failure(result: Result) -> Iterator[str]:
    check = result.check
    yield f'<h3 class="failed"><code>{escape(check.id)}</code></h3>'
    yield f"<p>{escape(check.sentence)} ({escape(', '.join(check.requirements))})</p><ul>"
    for problem in result.problems:
        yield f"<li>{escape(problem.words)}{exchange_of(problem)}</li>"
    yield "</ul>"


def exchange_of(problem: Problem) -> str:
    if problem.exchange is None:
        return ""
    sent, answered = sent_of(problem.exchange), answered_of(problem.exchange)
    said = message(f"{sent['verb']} {sent['url']}", sent)
    came = message(str(answered["status"] or answered["fault"]), answered)
    return (
        f"<details><summary>Request {problem.exchange.number}, {escape(problem.exchange.what)}"
        f"</summary><pre>{said}</pre><pre>{came}</pre></details>"
    )


def message(first: str, part: dict[str, Any]) -> str:
    headers = "\n".join(f"{name}: {value}" for name, value in part["headers"].items())
    return escape(f"{first}\n{headers}\n\n{part['body']}")


def table(results: list[Result]) -> Iterator[str]:
    yield "<table><thead><tr><th>Check</th><th>What</th><th>Requirements</th></tr></thead><tbody>"
    for result in results:
        check = result.check
        what = escape(check.sentence)
        if result.reason:
            what += f'<br><span class="other">{escape(result.reason)}</span>'
        requirements = escape(", ".join(check.requirements))
        yield f"<tr><td><code>{escape(check.id)}</code></td><td>{what}</td>"
        yield f"<td>{requirements}</td></tr>"
    yield "</tbody></table>"


def as_json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)
