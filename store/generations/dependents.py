"""Dependents: the views and roles that use a read model, and what a change of its columns means to them."""

from dataclasses import dataclass

from acci.domain.projections.columns import Column
from acci.store.generations.tables import ReadModel, describe, qualified
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql


@dataclass(frozen=True)
class Dependent:
    """A view upon the read model, and the columns that it needs (none if it reads another dependent)."""

    view: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class ColumnChanges:
    """How readers' columns change: `retyped` has the old and the new type; the rest are names."""

    added: tuple[str, ...]
    gone: tuple[str, ...]
    retyped: dict[str, tuple[str, str]]

    def __bool__(self) -> bool:
        return bool(self.added or self.gone or self.retyped)

    def __str__(self) -> str:
        said = [f"{name} is added" for name in self.added] + [f"{name} goes" for name in self.gone]
        said += [f"{name} becomes {new} (was {old})" for name, (old, new) in self.retyped.items()]
        return "; ".join(said) or "none"

    @property
    def lost(self) -> tuple[str, ...]:
        """The columns that a view upon the read model cannot keep using as they were."""
        return (*self.gone, *self.retyped)


def dependents(connection: Connection, name: str) -> tuple[Dependent, ...]:
    """The views that read from `read.<name>`, directly or not."""
    parameters = {"view": qualified(connection, "read", name)}
    rows = connection.execute(sql("generations/dependents"), parameters).fetchall()
    return tuple(Dependent(view, tuple(columns)) for view, columns in rows)


def grants(connection: Connection, name: str) -> tuple[tuple[str, str], ...]:
    """Who may do what with `read.<name>`: (privilege, role), the owner apart."""
    rows = connection.execute(sql("generations/view_grants"), {"view": qualified(connection, "read", name)}).fetchall()
    return tuple((privilege, grantee or "PUBLIC") for privilege, grantee, _ in rows)


def column_changes(connection: Connection, new: ReadModel) -> ColumnChanges:
    """How the columns of `read.<name>` would change with the new table; none if there is no such view yet."""
    old = {column.name: column for column in describe(connection, "read", new.name).columns}
    now: dict[str, Column] = {column.name: column for column in new.columns}
    if not old:
        return ColumnChanges((), (), {})
    return ColumnChanges(
        tuple(name for name in now if name not in old),
        tuple(name for name in old if name not in now),
        {n: (old[n].type, c.type) for n, c in now.items() if n in old and old[n].type != c.type},
    )


def broken(changes: ColumnChanges, by: tuple[Dependent, ...]) -> tuple[str, ...]:
    """Which dependents the changes break, each as a phrase."""
    needed = ((each.view, [column for column in each.columns if column in changes.lost]) for each in by)
    return tuple(f"{view} needs {', '.join(columns)}" for view, columns in needed if columns)
