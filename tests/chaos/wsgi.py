"""The application, with another clock (tests.chaos.clock) and a way to die.

A request may name the step at which its process is killed:
``X-Chaos-Kill: 7`` kills before the seventh step, a step being an SQL statement, a COMMIT, and the
answer on its way out. So nothing of this is in the program itself: only the tests serve this
module, and nothing that is installed reaches it.
"""

import os
import signal
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from config.wsgi import application as ours
from tests.chaos import clock

clock.obey()

commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]


class Steps:
    """Counts the steps of a request, and kills the process before the one that was named."""

    def __init__(self, fatal: int, log: str) -> None:
        self.fatal, self.log, self.number = fatal, log, 0

    def step(self, name: str) -> None:
        self.number += 1
        if self.number == self.fatal:
            with open(self.log, "a") as log:
                log.write(f"{self.number} {name}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def __call__(self, execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        self.step(name_of(sql))
        return execute(sql, parameters, many, context)


def name_of(sql: str) -> str:
    """A statement in two or three words: "INSERT practice_appointment", "SAVEPOINT"."""
    words = sql.replace('"', " ").replace(".", " ").split()
    verb = words[0].upper()
    if verb in {"SAVEPOINT", "RELEASE", "SET"}:
        return verb
    table = next((word for word in words if word.startswith("practice_")), "")
    return f"{verb} {table}{' for update' if 'FOR NO KEY UPDATE' in sql else ''}".strip()


def application(environ: dict[str, Any], start_response: Any) -> Any:
    fatal = environ.get("HTTP_X_CHAOS_KILL")
    if not fatal:
        return ours(environ, start_response)
    steps = Steps(int(fatal), os.environ["CHAOS_LOG"])

    def commit_as_a_step(self: Any) -> Any:
        steps.step("before COMMIT")
        result = commit(self)
        steps.step("after COMMIT")
        return result

    BaseDatabaseWrapper._commit = commit_as_a_step  # type: ignore[attr-defined]
    try:
        with connection.execute_wrapper(steps):
            response = ours(environ, start_response)
        steps.step("the answer")
        return response
    finally:
        BaseDatabaseWrapper._commit = commit  # type: ignore[attr-defined]
