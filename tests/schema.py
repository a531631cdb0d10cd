"""Writes what the migrations make, from a database: `make schema`, after adding a migration.

`sql/schema.json` is what audits compare with: by object or right, the statement that makes it. `sql/schema.sql` is the
same for people, table by table.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

from acci.store.auditing.schema import FILE, described
from acci.store.postgres.database import Connection, connect
from tests.support.servers import SharedServer

READABLE = FILE.with_suffix(".sql")
HEAD = (
    "-- What the migrations make, table by table; `make schema` writes it from a database. To be read, not run: `acci\n"
    "-- migrate` makes it."
)
COLUMNS: LiteralString = """
    SELECT format('%I.%I', n.nspname, c.relname), quote_ident(a.attname)
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r'
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname IN ('acci', 'acci_migrations')
    WHERE a.attnum > 0 AND NOT a.attisdropped
    ORDER BY 1, a.attnum
"""
COMMENTS: LiteralString = """
    SELECT pg_describe_object(classoid, objoid, objsubid), description FROM pg_catalog.pg_description
    WHERE pg_describe_object(classoid, objoid, objsubid) ~ '\\m(acci\\.|schema (acci|read)$)'
    ORDER BY 1
"""


def as_json(made: dict[str, str]) -> str:
    """One object or right a line, so that two migrations seldom meet."""
    return json.dumps(made, indent=0, sort_keys=True, ensure_ascii=False) + "\n"


def as_sql(made: dict[str, str], connection: Connection) -> str:
    """`made` by noun; the order of columns and the comments are the database's."""
    columns: dict[str, list[str]] = {}
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL search_path = pg_catalog")
        for table, column in connection.execute(COLUMNS).fetchall():
            columns.setdefault(table, []).append(column)
        comments = dict(connection.execute(COMMENTS).fetchall())
    parts = [HEAD]
    parts += _section("Roles", _statements(made, "role ", "membership of ", "default right "))
    parts += _section("Schemas", [*_comments(comments, "schema "), *_rights(made, "schema ")])
    parts += _section("Types", list(_types(made)))
    for table, names in columns.items():
        parts += _section(table, _table(made, table, names, comments))
    if views := _statements(made, 'rule "_RETURN" on '):
        parts += _section("Views", views)
    parts += _section("Sequences", [*_statements(made, "numbers of "), *_rights(made, "sequence ")])
    for what in sorted(made):
        if found := re.match(r"body of ((?:aggregate|function) (\w+\.\w+)\(.*\))$", what):
            parts += _section(found[2], [made[what] + ";", *_rights(made, found[1])])
    return "\n".join(parts) + "\n"


def _section(title: str, statements: list[str]) -> Iterator[str]:
    yield f"\n-- {title}\n"
    yield from statements


def _types(made: dict[str, str]) -> Iterator[str]:
    for what in sorted(made):
        if name := re.match(r"values of type (.*)", what):
            kind = "DOMAIN" if f"domain {name[1]}" in made else "TYPE"
            yield f"CREATE {kind} {name[1]} AS {made[what]};"


def _table(made: dict[str, str], table: str, columns: list[str], comments: dict[str, str]) -> list[str]:
    lines = [_column(made, table, column) for column in columns]
    keys = [what for what in sorted(made) if what.startswith("constraint ") and what.endswith(f" of {table}")]
    names = [what.split()[1] for what in keys]
    lines += [made[what].partition(" ADD ")[2] for what in keys]
    statements = [f"CREATE TABLE {table} (\n    " + ",\n    ".join(lines) + "\n);"]
    statements += [*_comments(comments, f"table {table}"), *_comments(comments, "column ", f" of table {table}")]
    for kind, joint in (
        ("index", "of"),
        ("trigger", "on"),
        ("state of trigger", "on"),
        ("policy", "on"),
        ("rule", "on"),
    ):
        for what in sorted(made):
            named = re.fullmatch(rf"{kind} (\S+) {joint} {re.escape(table)}", what)
            if named and named[1] not in names and not made[what].endswith(f" ENABLE TRIGGER {named[1]}"):
                statements.append(f"{made[what]};")
    if made[f"row security of table {table}"].endswith("ENABLE ROW LEVEL SECURITY"):
        statements.append(f"{made[f'row security of table {table}']};")
    return statements + _rights(made, f"table {table}", f"column {table}.")


def _column(made: dict[str, str], table: str, column: str) -> str:
    place = f"column {table}.{column}"
    line = made[place].partition(" ADD COLUMN ")[2]
    if made[f"NULL in {place}"].endswith(" SET NOT NULL"):
        line += " NOT NULL"
    if default := made.get(f"default of {place}"):
        line += " DEFAULT " + default.partition(" SET DEFAULT ")[2]
    if identity := made.get(f"identity of {place}"):
        line += " " + identity.partition(" SET ")[2] + " AS IDENTITY"
    return line


def _statements(made: dict[str, str], *kinds: str) -> list[str]:
    return [f"{made[what]};" for what in sorted(made) if what.startswith(kinds)]


def _rights(made: dict[str, str], *objects: str) -> list[str]:
    """A statement for each object and set of rights, with all roles that have these."""
    rights: dict[tuple[str, str], list[str]] = {}
    for what in sorted(made):
        right = re.match(r"right to (\w+) (.*) of \S+$", what)
        if right and any(right[2] == each or (each[-1] in " ." and right[2].startswith(each)) for each in objects):
            privilege, _, rest = made[what].removeprefix("GRANT ").partition(" ON ")
            place, _, role = rest.rpartition(" TO ")
            rights.setdefault((place, role), []).append(privilege)
    roles: dict[tuple[str, str], list[str]] = {}
    for (place, role), privileges in rights.items():
        roles.setdefault((_joined(privileges), place), []).append(role)
    return [f"GRANT {what} ON {place} TO {', '.join(some)};" for (what, place), some in roles.items()]


def _joined(privileges: list[str]) -> str:
    """`INSERT (id), INSERT (data)` as `INSERT (id, data)`."""
    columns: dict[str, list[str]] = {}
    for each in privileges:
        name, _, column = each.partition(" (")
        columns.setdefault(name, []).extend(filter(None, [column.removesuffix(")")]))
    return ", ".join(name + (f" ({', '.join(some)})" if some else "") for name, some in columns.items())


def _comments(comments: dict[str, str], start: str, end: str = "") -> list[str]:
    return [f"-- {what}: {text}" for what, text in comments.items() if what.startswith(start) and what.endswith(end)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the server may run as another user
        server = SharedServer(Path(folder) / "server")
        server.start()
        try:
            with server.database() as url, connect(url, "schema") as connection:
                made = described(connection)
                FILE.write_text(as_json(made), encoding="utf-8")
                READABLE.write_text(as_sql(made, connection), encoding="utf-8")
        finally:
            server.leave()
