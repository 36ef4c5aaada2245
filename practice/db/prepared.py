"""Statements that are built once and sent many times, with other values each time.

Building a query set and turning it into SQL costs a millisecond or more, whatever it finds: more
than the database takes to answer. A Prepared query keeps the SQL that the ORM made, with a gap for
each QueryParameter: the query is defined once, as a query set, and turned into SQL once.
PostgreSQL, too, keeps such a statement with its plan (config.settings.database).
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeAlias, TypeVar

import psycopg.sql
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import Expression, Field, Lookup, Model, QuerySet
from django.db.models.fields import BigAutoField, BigIntegerField, IntegerField
from django.db.models.query import get_related_populators
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

from practice.db.row_security import BoundCursor

Found = TypeVar("Found", bound=Model)

Row: TypeAlias = tuple[Any, ...]  # as the driver gives it, its values in the order of the columns
Statement: TypeAlias = tuple[str, Any]  # the SQL, and what fills its gaps one after the other


class QueryParameter(Expression):
    """A value given when the query is asked: ``filter(start__gte=QueryParameter("start"))``."""

    def __init__(self, name: str, output_field: "Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Statement:
        if connection.vendor == "postgresql":
            # Without its type, a null or a number could be taken for a text.
            return f"%s::{self.output_field.rel_db_type(connection)}", [self]
        return "%s", [self]

    def adapted(self, value: Any, connection: BaseDatabaseWrapper) -> object:
        """The value as the database driver wants it."""
        field: Field[Any, Any] = self.output_field
        return _of_one_shape(field.get_db_prep_value(value, connection, prepared=False), connection)


class Number(QueryParameter):
    """A whole number, such as an id."""

    def __init__(self, name: str) -> None:
        super().__init__(name, BigIntegerField())


class Numbers(Number):
    """A list of whole numbers, of any length, for the lookup ``among``."""

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Statement:
        if connection.vendor == "postgresql":
            return "%s::bigint[]", [self]
        return "%s", [self]

    def adapted(self, value: Any, connection: BaseDatabaseWrapper) -> object:
        written = json.dumps(list(value))
        return f"{{{written[1:-1]}}}" if connection.vendor == "postgresql" else written


@BigAutoField.register_lookup
@IntegerField.register_lookup
class Among(Lookup):
    """``in``, with one gap for the whole list, so that the SQL is the same for every length."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Statement:
        left, left_params = self.process_lhs(compiler, connection)
        if self.rhs_is_direct_value():
            numbers = Numbers("numbers")
            right, _ = numbers.as_sql(compiler, connection)
            right_params: Sequence[object] = [numbers.adapted(self.rhs, connection)]
        else:
            right, right_params = self.process_rhs(compiler, connection)
        if connection.vendor == "postgresql":
            sql = f"{left} = ANY({right})"
        else:
            sql = f"{left} IN (SELECT value FROM json_each({right}))"
        return sql, [*left_params, *right_params]


class Prepared(Generic[Found]):
    """The SQL of a query set, made when it is first asked for on each database.

    ``build`` returns it with a QueryParameter for what changes, and must not depend on anything
    else. As everywhere, the routers choose the database unless it is named.
    """

    def __init__(self, build: Callable[[], QuerySet[Found, Any]]) -> None:
        self.build = build
        self.made: dict[str, _Query] = {}

    @cached_property
    def model(self) -> type[Found]:
        """The model whose rows the query finds."""
        return self.build().model

    def rows(self, using: str = "", /, **values: object) -> list[Row]:
        """All rows of the query for these values of its parameters, as tuples."""
        return self.later(using, **values).rows()

    def objects(self, using: str = "", /, **values: object) -> list[Found]:
        """The same as instances of the model, with those that the query set selects beside them."""
        return self.later(using, **values).objects()

    def first(self, using: str = "", /, **values: object) -> Found | None:
        """The first of the instances, or None."""
        return self.later(using, **values).first()

    def later(self, using: str = "", /, **values: object) -> "Later[Found]":
        """Ask, and read the answer when the journey has ended (practice.db.journeys)."""
        using = using or router.db_for_read(self.model)
        query = self._query(using)
        return Later(self.model, using, query, query.ask(using, values))

    def _query(self, using: str) -> "_Query":
        if using not in self.made:
            self.made[using] = _Query.of(self.build(), using)
        return self.made[using]


@dataclass(frozen=True)
class Later(Generic[Found]):
    """What a Prepared query has asked; each of these reads the answer, once."""

    model: type[Found]
    using: str
    query: "_Query"
    cursor: Any

    def rows(self) -> list[Row]:
        return self.query.answered(self.cursor)

    def first(self) -> Found | None:
        found = self.rows()
        return self.query.instance(self.model, self.using, found[0]) if found else None

    def objects(self) -> list[Found]:
        return [self.query.instance(self.model, self.using, row) for row in self.rows()]


class PreparedUpdate(Generic[Found]):
    """The SQL of ``update`` on the rows of a query set; both may hold parameters."""

    def __init__(self, build: Callable[[], QuerySet[Found, Any]], **changes: object) -> None:
        self.build, self.changes = build, changes
        self.made: dict[str, Statement] = {}

    def __call__(self, using: str = "default", /, **values: object) -> int:
        """Change the rows; how many there were."""
        if using not in self.made:
            query: Any = self.build().query.chain(UpdateQuery)
            query.add_update_values(self.changes)
            self.made[using] = _written(query.get_compiler(using))
        sql, parameters = self.made[using]
        with _cursor(connections[using]) as cursor:
            cursor.execute(sql, _filled(parameters, values, connections[using]))
            changed: int = cursor.rowcount
        return changed


class PreparedInsert:
    """The SQL that adds rows to the table of a model, as they stand in instances of it.

    Nothing else happens: no signal is sent.
    """

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self.fields = [field for field in model._meta.concrete_fields if not field.primary_key]
        self.made: dict[str, tuple[str, str]] = {}

    def one(self, instance: Model, using: str = "default", /) -> None:
        """Store a new instance, which gets its id."""
        sql, returning = self._sql(using)
        with _cursor(connections[using]) as cursor:
            cursor.execute(sql + returning, self.values(instance, connections[using]))
            (instance.pk,) = cursor.fetchone()
        instance._state.adding, instance._state.db = False, using

    def add(self, instance: Model, using: str = "default", /) -> None:
        """Store a new instance that need not know its id: nothing has to be waited for."""
        with _cursor(connections[using]) as cursor:
            cursor.execute(self._sql(using)[0], self.values(instance, connections[using]))

    def all(self, instances: Iterable[Model], using: str = "default", /) -> None:
        """Store several in one go; they do not get to know their ids."""
        rows = [self.values(instance, connections[using]) for instance in instances]
        with _cursor(connections[using]) as cursor:
            cursor.executemany(self._sql(using)[0], rows)

    def values(
        self, instance: Model, connection: BaseDatabaseWrapper, *, is_new: bool = True
    ) -> list[object]:
        """What stands in the columns, as the database driver wants it."""
        return [
            _of_one_shape(
                field.get_db_prep_save(field.pre_save(instance, is_new), connection), connection
            )
            for field in self.fields
        ]

    def _sql(self, using: str) -> tuple[str, str]:
        """The statement, and what makes it return the new id."""
        if using not in self.made:
            quote: Any = connections[using].ops.quote_name
            options: Any = self.model._meta
            columns = ", ".join(quote(field.column) for field in self.fields)
            gaps = ", ".join("%s" for _ in self.fields)
            self.made[using] = (
                f"INSERT INTO {quote(options.db_table)} ({columns}) VALUES ({gaps})",  # noqa: S608
                f" RETURNING {quote(options.pk.column)}",
            )
        return self.made[using]


class PreparedChange:
    """The SQL that stores all columns of a row of a model, as they stand in an instance of it.

    The row must be there, and locked: whether it is, nobody waits to hear. No signal is sent.
    """

    def __init__(self, model: type[Model]) -> None:
        self.columns = PreparedInsert(model)
        self.made: dict[str, str] = {}

    def one(self, instance: Model, using: str = "default", /) -> None:
        """Store an instance that was changed."""
        connection = connections[using]
        if using not in self.made:
            quote: Any = connection.ops.quote_name
            options: Any = self.columns.model._meta
            gaps = ", ".join(f"{quote(field.column)} = %s" for field in self.columns.fields)
            self.made[using] = (
                f"UPDATE {quote(options.db_table)} SET {gaps} "  # noqa: S608
                f"WHERE {quote(options.pk.column)} = %s"
            )
        which = _of_one_shape(instance.pk, connection)
        values = [*self.columns.values(instance, connection, is_new=False), which]
        with _cursor(connection) as cursor:
            cursor.execute(self.made[using], values)


@dataclass(frozen=True)
class _Query:
    """What the ORM makes of a query set on one database, and how it reads the answer."""

    sql: str
    parameters: Sequence[object]
    converters: list[Callable[[Any], Any] | None]
    columns: list[str]  # of the model, where instances were asked for
    populators: list[Any]  # of the instances beside it

    @classmethod
    def of(cls, found: QuerySet[Found, Any], using: str) -> "_Query":
        compiler: Any = found.query.get_compiler(using)
        sql, parameters = _written(compiler)
        converters: list[Any] = [None] * len(compiler.select)
        needed = compiler.get_converters([column for column, *_ in compiler.select])
        for position, (functions, expression) in needed.items():
            converters[position] = _chain(functions, expression, compiler.connection)
        own: Any = compiler.klass_info
        columns, populators = [], []
        if own:
            populators = get_related_populators(own, compiler.select, using)  # type: ignore[call-arg]
            columns = [compiler.select[at][0].target.attname for at in own["select_fields"]]
        return cls(sql, parameters, converters, columns, populators)

    def ask(self, using: str, values: dict[str, object]) -> Any:
        """Send it; gives the cursor, which has the answer now or at the end of the journey."""
        cursor = _cursor(connections[using])
        cursor.execute(self.sql, _filled(self.parameters, values, connections[using]))
        return cursor

    def answered(self, cursor: Any) -> list[Row]:
        with cursor:
            rows: list[Row] = cursor.fetchall()
        if any(self.converters):
            return [
                tuple(
                    value if convert is None else convert(value)
                    for value, convert in zip(row, self.converters, strict=True)
                )
                for row in rows
            ]
        return rows

    def instance(self, model: type[Found], using: str, row: Row) -> Found:
        found = model.from_db(using, self.columns, row[: len(self.columns)])
        for populator in self.populators:
            populator.populate(row, found)
        return found


class _Cursor(BoundCursor, ServerBindingCursor):
    """A cursor that can say what it has executed, also when the server knew the statement."""

    def _convert_query(self, query: Any, params: Any = None) -> Any:
        self._query = super()._convert_query(query, params)
        return self._query


def _cursor(connection: Any) -> Any:
    """A cursor for a statement that will be sent again.

    On PostgreSQL the values travel beside it, not in it, so that the server can keep it.
    """
    if connection.vendor != "postgresql":
        return connection.cursor()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return connection._prepare_cursor(_Cursor(connection.connection))


def _written(compiler: SQLCompiler) -> Statement:
    """The statement, with what never changes written into it on PostgreSQL, and its parameters.

    There a plan that is kept for all values could not use an index for ``status = 'free'`` alone if
    the status were one of them (docs/techniques.md, "Indexes of the search").
    """
    sql, parameters = compiler.as_sql()
    if compiler.connection.vendor != "postgresql":
        return sql, parameters
    pieces = re.split("(?<!%)%s", sql)
    written = pieces[0]
    kept: list[object] = []
    for part, piece in zip(parameters, pieces[1:], strict=True):
        if isinstance(part, QueryParameter):
            kept.append(part)
            written += f"%s{piece}"
        else:
            literal = psycopg.sql.quote(part, compiler.connection.connection)
            written += literal.replace("%", "%%") + piece
    return written, kept


def _filled(
    parameters: Iterable[object], values: dict[str, object], connection: BaseDatabaseWrapper
) -> list[object]:
    """The values of a statement, those of its parameters from ``values``."""
    return [
        part.adapted(values[part.name], connection) if isinstance(part, QueryParameter) else part
        for part in parameters
    ]


def _of_one_shape(value: object, connection: BaseDatabaseWrapper) -> object:
    """A number as text, which PostgreSQL reads as what it needs there.

    psycopg names the smallest type that holds a number: each would be another statement to keep.
    """
    is_number = type(value) is int and connection.vendor == "postgresql"
    return str(value) if is_number else value


def _chain(
    functions: list[Callable[..., Any]], expression: Expression, connection: BaseDatabaseWrapper
) -> Callable[[Any], Any]:
    """All conversions of a column's values, one after the other, as the ORM applies them."""

    def convert(value: Any) -> Any:
        for function in functions:
            value = function(value, expression, connection)
        return value

    return convert
