"""All or nothing: a service by itself, or a request whose steps are one change."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import connection, transaction

from practice.db.journeys import ask, one_journey
from practice.db.libpq import Statement
from practice.db.row_security import nothing_said

P = ParamSpec("P")
R = TypeVar("R")

COMMIT = Statement("COMMIT")

_ends_with_any_failure: ContextVar[bool] = ContextVar("ends_with_any_failure", default=False)


@contextmanager
def single_transaction() -> Iterator[None]:
    """A transaction that any exception inside it ends and undoes.

    Nothing within may catch the exception of a step and go on. So the steps need no savepoints,
    which would be two more journeys to the database for each.
    """
    with transaction.atomic():
        token = _ends_with_any_failure.set(True)
        try:
            yield
        finally:
            _ends_with_any_failure.reset(token)


@contextmanager
def last_step() -> Iterator[None]:
    """The last step of a single transaction: PostgreSQL gets it on one journey with the COMMIT.

    It needs no answer. In a transaction of somebody else's it is a step like any other.
    """
    if connection.vendor != "postgresql" or connection.savepoint_ids:
        yield
        return
    with one_journey():
        yield
        ask(connection, COMMIT, [])


@contextmanager
def snapshot() -> Iterator[None]:
    """All that is read inside is as it was at one moment; nobody waits, and nothing is written.

    In a transaction of somebody else's: as that one sees it.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            with nothing_said(), connection.cursor() as cursor:  # it must come before any query
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:  # atomic would take the one write lock
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def atomic_service(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a service: it opens a transaction, or a savepoint where its caller has one open."""

    @wraps(function)
    def step(*args: P.args, **kwargs: P.kwargs) -> R:
        with transaction.atomic(savepoint=not _ends_with_any_failure.get()):
            return function(*args, **kwargs)

    return step
