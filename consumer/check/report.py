"""A report as text and as data."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from consumer.check.checks import Problem
from consumer.check.exchange import Exchange
from consumer.check.run import FAILED, NOT_SEEN, PASSED, Report, Result

MOST_OF_A_BODY = 20_000


# ---------------------------------------------------------------- an exchange, to be read


def claims_of(authorization: str) -> str:
    """A token as its claims: it is unsigned, and a secret to nobody."""
    scheme, _, token = authorization.partition(" ")
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, IndexError):
        return authorization
    return f"{scheme} (token with the claims) {json.dumps(claims)}"


def body_of(body: bytes) -> str:
    """A body, indented if it is JSON, and not all of a long one."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        text = body.decode("utf-8", "replace")
    more = len(text) - MOST_OF_A_BODY
    return f"{text[:MOST_OF_A_BODY]}\n... and {more:,} characters more" if more > 0 else text


def sent_of(exchange: Exchange) -> dict[str, Any]:
    headers = {
        name: claims_of(value) if name.lower() == "authorization" else value
        for name, value in exchange.sent.headers.items()
    }
    return {
        "verb": exchange.sent.verb,
        "url": exchange.sent.url,
        "headers": headers,
        "body": body_of(exchange.sent.body),
    }


def answered_of(exchange: Exchange) -> dict[str, Any]:
    return {
        "status": exchange.status,
        "headers": dict(exchange.answered.headers),
        "body": body_of(exchange.text),
        "fault": exchange.answered.fault,
    }


# ---------------------------------------------------------------- data


def as_data(report: Report) -> dict[str, Any]:
    """The report as data for JSON."""
    return {
        "address": report.address,
        "began": report.began.isoformat(timespec="seconds"),
        "seconds": round(report.seconds, 1),
        "requests": report.exchanges,
        "interrupted": report.interrupted,
        "ok": report.ok,
        "counts": {outcome: len(report.of(outcome)) for outcome in (PASSED, FAILED, NOT_SEEN)},
        "results": [data_of(each) for each in report.results],
    }


def data_of(result: Result) -> dict[str, Any]:
    return {
        "id": result.check.id,
        "sentence": result.check.sentence,
        "requirements": list(result.check.requirements),
        "must": result.check.must,
        "outcome": result.outcome,
        "reason": result.reason,
        "problems": [problem_of(each) for each in result.problems],
    }


def problem_of(problem: Problem) -> dict[str, Any]:
    exchange = problem.exchange
    if exchange is None:
        return {"words": problem.words}
    return {
        "words": problem.words,
        "exchange": exchange.number,
        "interaction": exchange.what,
        "sent": sent_of(exchange),
        "answered": answered_of(exchange),
    }


# ---------------------------------------------------------------- text


def line_of(result: Result) -> str:
    """A result in one line."""
    word = result.outcome if result.check.must or result.outcome != FAILED else "advice"
    return f"{word:9} {result.check.id:34} {result.check.sentence}"


def lines_of(result: Result) -> Iterator[str]:
    """A result with what is wrong, as the terminal shows it."""
    yield line_of(result)
    if result.outcome == NOT_SEEN:
        yield f"{'':9} {result.reason}"
    shown = None
    for problem in result.problems:
        yield f"{'':9} - {problem.words}"
        if problem.exchange and problem.exchange is not shown:
            shown = problem.exchange
            yield f"{'':11} {shown.sent.verb} {shown.sent.url}"
            yield f"{'':11} {shown.status or 'no answer'} {short(shown.text)}"
    if result.problems:
        yield f"{'':9} {', '.join(result.check.requirements)}"


def short(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())
    return text if len(text) <= 300 else f"{text[:300]}..."


def summary(report: Report) -> str:
    """The last lines."""
    faults, advice = len(report.faults), len(report.of(FAILED)) - len(report.faults)
    verdict = "no fault found" if report.ok else f"{faults} checks failed"
    if report.interrupted:
        verdict += ", interrupted"
    return (
        f"{report.address}: {verdict}. {len(report.of(PASSED))} passed, {advice} with advice, "
        f"{len(report.of(NOT_SEEN))} not seen; {report.exchanges} requests in "
        f"{report.seconds:.1f} s."
    )
