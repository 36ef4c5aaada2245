"""Queries that are built once and asked many times, with other values each time.

Building a query set and turning it into SQL costs a millisecond or more, whatever it finds: more
than the database takes to answer. A Prepared query keeps the SQL that the ORM made, with gaps where
its Parameters stood, so that there is one definition of the query and none of it is paid twice.
"""

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.db import connections, router
from django.db.models import Expression, Field, Lookup, Model, QuerySet
from django.db.models.fields import BigAutoField, BigIntegerField, IntegerField


class Parameter(Expression):
    """A value that is given when the query is asked: ``filter(start__gte=Parameter("start"))``."""

    def __init__(self, name: str, output_field: Field) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        if connection.vendor == "postgresql":
            # Without its type, a null or a number could be taken for a text.
            return f"%s::{self.output_field.rel_db_type(connection)}", [self]
        return "%s", [self]

    def adapted(self, value: Any, connection: Any) -> Any:
        """The value as the database driver wants it."""
        return self.output_field.get_db_prep_value(value, connection, prepared=False)


class Numbers(Parameter):
    """A list of whole numbers, of any length, for the lookup ``among``."""

    def __init__(self, name: str) -> None:
        super().__init__(name, BigIntegerField())

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        if connection.vendor == "postgresql":
            return "%s::bigint[]", [self]
        return "%s", [self]

    def adapted(self, value: Any, connection: Any) -> Any:
        return list(value) if connection.vendor == "postgresql" else json.dumps(list(value))


@BigAutoField.register_lookup
@IntegerField.register_lookup
class Among(Lookup):
    """``in``, with one gap for the whole list, so that the SQL is the same for every length."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        left, left_params = self.process_lhs(compiler, connection)
        if self.rhs_is_direct_value():
            numbers = Numbers("numbers")
            right, _ = numbers.as_sql(compiler, connection)
            right_params: Any = [numbers.adapted(self.rhs, connection)]
        else:
            right, right_params = self.process_rhs(compiler, connection)
        if connection.vendor == "postgresql":
            sql = f"{left} = ANY({right})"
        else:
            sql = f"{left} IN (SELECT value FROM json_each({right}))"
        return sql, [*left_params, *right_params]


class Prepared:
    """The SQL of a query set of tuples, made when first asked for on each database.

    ``build`` returns it with Parameters for what changes; it must not depend on anything else. As
    everywhere, the routers choose the database unless it is named.
    """

    def __init__(self, build: Callable[[], QuerySet[Any, tuple[Any, ...]]]) -> None:
        self.build = build
        self.made: dict[str, tuple[str, tuple[Any, ...], list[Callable[[Any], Any] | None]]] = {}

    @cached_property
    def model(self) -> type[Model]:
        return self.build().model

    def rows(self, using: str = "", /, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of the query for these values of its Parameters."""
        using = using or router.db_for_read(self.model)
        connection = connections[using]
        if using not in self.made:
            self.made[using] = self._compile(using)
        sql, parameters, converters = self.made[using]
        given = [
            part.adapted(values[part.name], connection) if isinstance(part, Parameter) else part
            for part in parameters
        ]
        with connection.cursor() as cursor:
            cursor.execute(sql, given)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        if any(converters):
            return [
                tuple(
                    value if convert is None else convert(value)
                    for value, convert in zip(row, converters, strict=True)
                )
                for row in rows
            ]
        return rows

    def _compile(self, using: str) -> tuple[str, tuple[Any, ...], list[Any]]:
        compiler = self.build().query.get_compiler(using)
        sql, parameters = compiler.as_sql()
        converters: list[Any] = [None] * len(compiler.select)
        needed = compiler.get_converters([column for column, *_ in compiler.select])
        for position, (functions, expression) in needed.items():
            converters[position] = _chain(functions, expression, compiler.connection)
        return sql, tuple(parameters), converters


def _chain(functions: list[Any], expression: Any, connection: Any) -> Callable[[Any], Any]:
    """All conversions of a column's values, one after the other, as the ORM applies them."""

    def convert(value: Any) -> Any:
        for function in functions:
            value = function(value, expression, connection)
        return value

    return convert
