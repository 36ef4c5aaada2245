"""Asking several other organisations at once which times they have, and whether they know somebody.

Each answers by itself: who is slow or down holds nobody up longer than ``wire.ANSWER_SECONDS``.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any

from practice.exceptions import ElsewhereError, ElsewhereNotSent
from practice.models import Organisation, Patient, RemoteService
from practice.reads.elsewhere import Caller
from practice.services.audit.recording import Actor, record_done
from practice.services.elsewhere import wire
from practice.services.elsewhere.wire import RemoteTime

MOST_SERVICES = 8  # asked in one go
MOST_TIMES = 60  # shown of each


@dataclass(frozen=True)
class Answer:
    """What an organisation said: its free times by start, or why there are none to show."""

    service: RemoteService
    times: list[RemoteTime] = field(default_factory=list)
    problem: str = ""
    too_many: bool = False


def free_times(
    *,
    organisation: Organisation,
    patient: Patient,
    services: Sequence[RemoteService],
    first: date,
    last: date,
    caller: Caller,
    actor: Actor,
    now: datetime,
) -> list[Answer]:
    """Ask each of these for its free times, and return the answers in their order.

    Nothing of the patient is sent; the trail says for whom it was asked, of whom, and what came.
    """
    asked = list(services)[:MOST_SERVICES]
    who: dict[str, Any] = {"organisation": organisation, "caller": caller}

    def ask(service: RemoteService) -> list[RemoteTime]:
        return wire.Line.to(service, **who).free_times(first, last)

    found = at_once([partial(ask, each) for each in asked])
    answers = [_answer(service, each, now) for service, each in zip(asked, found, strict=True)]
    record_done(
        "elsewhere.searched",
        patient,
        actor=actor,
        now=now,
        detail={
            "first": str(first),
            "last": str(last),
            "asked": [
                {
                    **wire.named(each.service),
                    **({"problem": each.problem} if each.problem else {"free": len(each.times)}),
                }
                for each in answers
            ],
        },
    )
    return answers


def _answer(service: RemoteService, found: Any, now: datetime) -> Answer:
    if isinstance(found, ElsewhereError):
        return Answer(service, problem=str(found))
    coming = sorted((each for each in found if each.start > now), key=lambda each: each.start)
    return Answer(service, coming[:MOST_TIMES], too_many=len(coming) > MOST_TIMES)


def at_once(questions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Ask all of these in the same moment; who has not answered in time is not waited for.

    A question that fails is answered by its failure. No thread here asks the database anything.
    """
    if not questions:
        return []
    pool = ThreadPoolExecutor(len(questions), thread_name_prefix="elsewhere")
    try:
        with wire.turn():
            return _answers(pool, questions)
    except ElsewhereNotSent as busy:
        return [busy for _ in questions]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _answers(pool: ThreadPoolExecutor, questions: Sequence[Callable[[], Any]]) -> list[Any]:
    futures = [pool.submit(question) for question in questions]
    wait(futures, timeout=wire.ANSWER_SECONDS)
    return [_result(each) for each in futures]


def _result(future: Future[Any]) -> Any:
    if not future.done():
        return ElsewhereNotSent(wire.SILENT)
    try:
        return future.result()
    except ElsewhereError as error:
        return error


def is_known_there(
    *,
    organisation: Organisation,
    patient: Patient,
    service: RemoteService,
    caller: Caller,
    actor: Actor,
    now: datetime,
) -> bool:
    """Ask an organisation whether it knows a patient, by NHS number and date of birth.

    Raises ElsewhereError, also where it knows somebody else by that number.
    """
    who: dict[str, Any] = {"organisation": organisation, "caller": caller}
    [found] = at_once([lambda: wire.Line.to(service, **who).find(patient)])
    failed = isinstance(found, ElsewhereError)
    record_done(
        "elsewhere.looked_for",
        patient,
        actor=actor,
        now=now,
        outcome="refused" if failed else "ok",
        diagnostics=str(found) if failed else "",
        detail=wire.named(service) if failed else {**wire.named(service), "known": bool(found)},
    )
    if isinstance(found, ElsewhereError):
        raise found
    return bool(found)
