"""Parameters: the values that a compiled statement is given with each execution, by name."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement


class Placeholder(ColumnElement[Any]):
    """A value given with each execution, such as `CAST(%(after)s AS BIGINT)`; all else in a statement is fixed."""

    inherit_cache = False

    def __init__(self, name: str, kind: sa.types.TypeEngine[Any]) -> None:
        self.name, self.type = name, kind


@compiles(Placeholder)
def _placeholder(placeholder: Placeholder, compiler: SQLCompiler, **_: Any) -> str:
    return f"CAST(%({placeholder.name})s AS {compiler.dialect.type_compiler_instance.process(placeholder.type)})"


def key_parameter(column: str) -> str:
    """The parameter with the given keys' values in the key column `column`, whose name may have any character."""
    return f"key_{column.encode().hex()}"


def key_parameters(columns: Iterable[str], keys: Sequence[Sequence[str | None]]) -> dict[str, list[str | None]]:
    """The parameters that give `keys`: for each key column the keys' values, in the keys' order."""
    return {key_parameter(column): [key[number] for key in keys] for number, column in enumerate(columns)}
