"""SQL expressions that PostgreSQL and SQLite write differently."""

from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField, Count, Expression, Func, Min
from django.db.models.sql.compiler import SQLCompiler

from practice.db.prepared import Sql


class Unconverted(Expression):
    """A number that both drivers give as one: thousands of them need no second look."""

    def get_db_converters(self, connection: BaseDatabaseWrapper) -> list[Callable[..., Any]]:
        return []


class HowMany(Unconverted, Count):
    """``Count``, of which there are many."""


class Least(Unconverted, Min):
    """``Min`` of whole numbers, of which there are many."""


class Epoch(Func):
    """An instant as whole seconds since 1970-01-01T00:00:00Z.

    A number costs a tenth of what turning a column into a datetime does (docs: TRIAL, "Time
    zones"), and can be subtracted in SQL on both databases alike.
    """

    arity = 1
    output_field = BigIntegerField()

    def get_db_converters(self, connection: BaseDatabaseWrapper) -> list[Callable[..., Any]]:
        """None: both drivers give a whole number, and thousands of them need no second look."""
        return []

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> Sql:
        return self.as_sql(
            compiler,
            connection,
            # EXTRACT would make a numeric of it, which costs more.
            template="date_part('epoch', %(expressions)s)::bigint",
            **extra,
        )

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> Sql:
        return self.as_sql(
            compiler,
            connection,
            template="CAST(strftime('%%%%s', %(expressions)s) AS INTEGER)",
            **extra,
        )
