"""Lets tests on PostgreSQL serve requests with the rights of production.

Tests own the database and make what they need in it; what a request does, from its first middleware
to the last, is done by a role as deploy/postgresql/rights.sql makes it, which row-level security
binds. A request that asks before it has said which practices are in reach is refused.
"""

from collections.abc import Callable

from django.db import connection
from django.http import HttpRequest, HttpResponse

from practice.db import row_security
from practice.db.libpq import Statement
from workbench import roles

SERVING_ROLE = "appointments_under_test"
NOTHING_SAID = ""
PLAIN = row_security.BIND  # as in production: it says what is in reach, and nothing of roles


def make_role(name: str) -> None:
    """Make the role, once for the server, and give it its rights in this database."""
    with connection.cursor() as cursor:
        for statement in roles.making(name):
            cursor.execute(statement)


def serve_as(name: str) -> None:
    """From now on a transaction that hears what is in reach is that role's."""
    row_security.BIND = Statement(BINDING.format(role=name, given="(VALUES (%s)) AS reach (given)"))
    row_security.BIND_BY_ODS_CODE = Statement(
        BINDING.format(
            role=name,
            given="(SELECT coalesce((SELECT format('{%%s}', id) FROM practice_organisation"
            " WHERE ods_code = %s), '{}') AS given) AS reach",
        )
    )
    row_security.UNBIND = Statement(
        "SELECT set_config('appointments.practices', '', true), set_config('role', 'none', true)"
    )


BINDING = (
    "SELECT set_config('appointments.practices', given, true),"
    " set_config('role', CASE given WHEN 'all' THEN 'none' ELSE '{role}' END, true) FROM {given}"
)


def nothing_said_yet(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware, the first of all: what is guarded is out of reach until somebody says so."""

    def middleware(request: HttpRequest) -> HttpResponse:
        token = row_security.in_reach.set(NOTHING_SAID)
        try:
            return get_response(request)
        finally:
            row_security.in_reach.reset(token)

    return middleware
