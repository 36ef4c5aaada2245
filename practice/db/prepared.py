"""Statements that are built once and sent many times, with other values each time.

Building a query set and turning it into SQL costs a millisecond or more, whatever it finds: more
than the database takes to answer. A Prepared query keeps the SQL that the ORM made, with a gap for
each QueryParameter: the query is defined once, as a query set, and turned into SQL once.
PostgreSQL, too, keeps such a statement with its plan (practice.db.libpq).
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Generic, TypeAlias, TypeVar

import psycopg.sql
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Field, Lookup, Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.fields import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    IntegerField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    SmallIntegerField,
    TextField,
)
from django.db.models.fields.related import ForeignKey
from django.db.models.query import get_related_populators
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

from practice.db.journeys import ask, one_journey
from practice.db.libpq import Answer, Row, Statement
from practice.db.rows import batches

Found = TypeVar("Found", bound=Model)

Sql: TypeAlias = tuple[str, Any]  # as the ORM writes it, and what fills its gaps one by one


MOST_ROWS = 20  # of one INSERT: each number of rows is a statement of its own


# Fields whose values PostgreSQL gets as they stand in an instance.
PLAIN = {
    *(BooleanField, CharField, TextField, DateField, DateTimeField, ForeignKey),
    *(BigIntegerField, IntegerField, SmallIntegerField),
    *(PositiveIntegerField, PositiveSmallIntegerField),
}


def _is_stamped(field: "Field[Any, Any]") -> bool:
    """Whether a date is the moment at which it is stored."""
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))


class QueryParameter(Expression):
    """A value given when the query is asked: ``filter(start__gte=QueryParameter("start"))``."""

    def __init__(self, name: str, output_field: "Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        if connection.vendor == "postgresql":
            # Without its type, a null or a number could be taken for a text.
            return f"%s::{self.output_field.rel_db_type(connection)}", [self]
        return "%s", [self]

    def adapted(self, value: Any, connection: BaseDatabaseWrapper) -> object:
        """The value as the database driver wants it."""
        field: Field[Any, Any] = self.output_field
        adapted: object = field.get_db_prep_value(value, connection, prepared=False)
        return adapted


class Number(QueryParameter):
    """A whole number, such as an id."""

    def __init__(self, name: str) -> None:
        super().__init__(name, BigIntegerField())


class Numbers(Number):
    """A list of whole numbers, of any length, for the lookup ``among``."""

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
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

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
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
    answer: Answer

    def rows(self) -> list[Row]:
        return self.query.converted(self.answer.rows())

    def first(self) -> Found | None:
        found = self.rows()
        return self.query.instance(self.model, self.using, found[0]) if found else None

    def objects(self) -> list[Found]:
        return [self.query.instance(self.model, self.using, row) for row in self.rows()]


class PreparedUpdate(Generic[Found]):
    """The SQL of ``update`` on the rows of a query set; both may hold parameters."""

    def __init__(self, build: Callable[[], QuerySet[Found, Any]], **changes: object) -> None:
        self.build, self.changes = build, changes
        self.made: dict[str, tuple[Statement, Sequence[object]]] = {}

    def __call__(self, using: str = "default", /, **values: object) -> int:
        """Change the rows; how many there were."""
        return self.later(using, **values).changed()

    def later(self, using: str = "default", /, **values: object) -> Answer:
        """Change the rows; how many there were is known when the journey has ended."""
        if using not in self.made:
            query: Any = self.build().query.chain(UpdateQuery)
            query.add_update_values(self.changes)
            sql, parameters = _written(query.get_compiler(using))
            self.made[using] = Statement(sql), parameters
        statement, parameters = self.made[using]
        connection = connections[using]
        return ask(connection, statement, _filled(parameters, values, connection))


class PreparedInsert:
    """The SQL that adds rows to the table of a model, as they stand in instances of it.

    Nothing else happens: no signal is sent.
    """

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self.fields = [field for field in model._meta.concrete_fields if not field.primary_key]
        self.plain = [type(field) in PLAIN and not _is_stamped(field) for field in self.fields]
        self.made: dict[tuple[str, int, bool, bool], Statement] = {}
        self.ids: dict[str, Statement] = {}

    def one(self, instance: Model, using: str = "default", /) -> None:
        """Store a new instance, which gets its id."""
        connection = connections[using]
        statement = self._statement(using, returning=True)
        ((instance.pk,),) = ask(connection, statement, self.values(instance, connection)).rows()
        instance._state.adding, instance._state.db = False, using

    def id_later(self, using: str = "default", /) -> "NextId":
        """Take the id of a new instance on a journey, so that it need not be waited for later.

        What is not used is missing from the numbers. SQLite has no need of it, and gives none.
        """
        connection = connections[using]
        if connection.vendor != "postgresql":
            return NextId(None)
        if using not in self.ids:
            options: Any = self.model._meta
            sequence = f"pg_get_serial_sequence('{options.db_table}', '{options.pk.column}')"
            self.ids[using] = Statement(f"SELECT nextval({sequence})")
        return NextId(ask(connection, self.ids[using], []))

    def one_with(self, taken: "NextId", instance: Model, using: str = "default", /) -> None:
        """Store a new instance under the id that was taken for it; nothing is waited for."""
        if taken.answer is None:
            self.one(instance, using)
            return
        ((instance.pk,),) = taken.answer.rows()
        connection = connections[using]
        values = [instance.pk, *self.values(instance, connection)]
        ask(connection, self._statement(using, with_id=True), values)
        instance._state.adding, instance._state.db = False, using

    def add(self, instance: Model, using: str = "default", /) -> None:
        """Store a new instance that need not know its id: nothing has to be waited for."""
        self.all([instance], using)

    def all(self, instances: Iterable[Model], using: str = "default", /) -> None:
        """Store several in one go; they do not get to know their ids."""
        connection = connections[using]
        rows = [self.values(instance, connection) for instance in instances]
        with one_journey(using) if len(rows) > MOST_ROWS else nullcontext():
            for some in batches(rows, MOST_ROWS):
                ask(connection, self._statement(using, len(some)), list(chain(*some)))

    def values(
        self, instance: Model, connection: BaseDatabaseWrapper, *, is_new: bool = True
    ) -> list[object]:
        """What stands in the columns, as the database driver wants it."""
        kept_as_it_is = connection.vendor == "postgresql"  # practice.db.libpq writes these itself
        return [
            getattr(instance, field.attname)
            if is_plain and kept_as_it_is
            else field.get_db_prep_save(field.pre_save(instance, is_new), connection)
            for field, is_plain in zip(self.fields, self.plain, strict=True)
        ]

    def _statement(
        self, using: str, rows: int = 1, *, returning: bool = False, with_id: bool = False
    ) -> Statement:
        """The statement for so many rows; ``returning`` the id of the only one, or given it."""
        made = self.made.get((using, rows, returning, with_id))
        if made is None:
            quote: Any = connections[using].ops.quote_name
            options: Any = self.model._meta
            own_id = [options.pk.column] if with_id else []
            names = [*own_id, *(field.column for field in self.fields)]
            columns, gaps = ", ".join(map(quote, names)), ", ".join("%s" for _ in names)
            values = ", ".join([f"({gaps})"] * rows)
            sql = f"INSERT INTO {quote(options.db_table)} ({columns}) VALUES {values}"  # noqa: S608
            made = Statement(f"{sql} RETURNING {quote(options.pk.column)}" if returning else sql)
            self.made[using, rows, returning, with_id] = made
        return made


@dataclass(frozen=True)
class NextId:
    """An id that was taken on a journey; none where it is given when the row is stored."""

    answer: Answer | None


class PreparedChange:
    """The SQL that stores all columns of a row of a model, as they stand in an instance of it.

    The row must be there, and locked: whether it is, nobody waits to hear. No signal is sent.
    """

    def __init__(self, model: type[Model]) -> None:
        self.columns = PreparedInsert(model)
        self.made: dict[str, Statement] = {}

    def one(self, instance: Model, using: str = "default", /) -> None:
        """Store an instance that was changed."""
        connection = connections[using]
        if using not in self.made:
            quote: Any = connection.ops.quote_name
            options: Any = self.columns.model._meta
            gaps = ", ".join(f"{quote(field.column)} = %s" for field in self.columns.fields)
            self.made[using] = Statement(
                f"UPDATE {quote(options.db_table)} SET {gaps} "  # noqa: S608
                f"WHERE {quote(options.pk.column)} = %s"
            )
        values = self.columns.values(instance, connection, is_new=False)
        ask(connection, self.made[using], [*values, instance.pk])


Conversion: TypeAlias = tuple[int, Callable[[Any], Any]]  # of a column's values, by its place


@dataclass(frozen=True)
class _Query:
    """What the ORM makes of a query set on one database, and how it reads the answer."""

    statement: Statement
    parameters: Sequence[object]
    conversions: list[Conversion]
    columns: list[str]  # of the model, where instances were asked for
    populators: list[Any]  # of the instances beside it

    @classmethod
    def of(cls, found: QuerySet[Found, Any], using: str) -> "_Query":
        compiler: Any = found.query.get_compiler(using)
        sql, parameters = _written(compiler)
        needed = compiler.get_converters([column for column, *_ in compiler.select])
        conversions = [
            (position, _chain(functions, expression, compiler.connection))
            for position, (functions, expression) in needed.items()
        ]
        own: Any = compiler.klass_info
        columns, populators = [], []
        if own:
            populators = get_related_populators(own, compiler.select, using)  # type: ignore[call-arg]
            _let_make(populators)
            columns = [compiler.select[at][0].target.attname for at in own["select_fields"]]
        return cls(Statement(sql), parameters, conversions, columns, populators)

    def ask(self, using: str, values: dict[str, object]) -> Answer:
        connection = connections[using]
        return ask(connection, self.statement, _filled(self.parameters, values, connection))

    def converted(self, rows: list[Row]) -> list[Row]:
        """The rows with their values as the ORM gives them."""
        if not self.conversions:
            return rows
        found = []
        for row in rows:
            values = list(row)
            for place, convert in self.conversions:
                values[place] = convert(values[place])
            found.append(tuple(values))
        return found

    def instance(self, model: type[Found], using: str, row: Row) -> Found:
        found: Found = _Maker(model).from_db(using, self.columns, row)
        for populator in self.populators:
            populator.populate(row, found)
        return found


@dataclass(frozen=True)
class _Maker:
    """Makes instances of a model from rows: as the ORM does, but that no signal is sent.

    The ORM calls their constructor with each value, which takes five times as long.
    """

    model: Any

    def from_db(self, using: str, columns: Sequence[str], row: Sequence[object]) -> Any:
        """An instance of the row whose first values are these columns'."""
        made = self.model.__new__(self.model)
        made.__dict__.update(zip(columns, row, strict=False))
        state = made.__dict__["_state"] = ModelState()
        state.adding, state.db = False, using
        return made


def _let_make(populators: Iterable[Any]) -> None:
    """Let the instances that were selected beside others be made in the same way."""
    for populator in populators:
        populator.model_cls = _Maker(populator.model_cls)
        _let_make(populator.related_populators)


def _written(compiler: SQLCompiler) -> Sql:
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


def _chain(
    functions: list[Callable[..., Any]], expression: Expression, connection: BaseDatabaseWrapper
) -> Callable[[Any], Any]:
    """All conversions of a column's values, one after the other, as the ORM applies them."""

    def convert(value: Any) -> Any:
        for function in functions:
            value = function(value, expression, connection)
        return value

    return convert
