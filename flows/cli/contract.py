"""`acci contract`: the committed file of what the domain promises, and what a change to it needs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acci.flows.cli.printing import JsonFlag, console, print_json, print_table

if TYPE_CHECKING:
    from acci.store.contract.changes import Change
    from acci.store.contract.document import Contract
    from acci.store.registry import Catalogue


def contract(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; compare the file with the code, and say what changes need.")
    ] = False,
    against: Annotated[
        Path | None, typer.Option(help="With --check: compare with this file, such as that of the main branch.")
    ] = None,
    database: Annotated[
        bool, typer.Option("--database", help="With --check: count the stored events that each change concerns.")
    ] = False,
    json_schema: Annotated[
        Path | None, typer.Option(help="Write only this: a folder with a JSON Schema of each event, command and query.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write only this: a page with the domain's catalogue and its diagram.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Write the domain's contract, or check a change against it.

    The contract is acci.contract.json, to be committed: the shapes of events, commands, queries, read models and
    reactions.

    With --check it exits with 0 if nothing changed or all is compatible, 3 if a read model needs a rebuild or a
    backfill, 4 if a reader, a sender or a reaction breaks, 5 if stored events need an upcaster: the highest that
    applies.
    """
    from acci.flows.runtime.session import catalogue

    if not check and (against is not None or database):
        raise typer.BadParameter("--against and --database go with --check.")
    if check and (json_schema is not None or markdown is not None):
        raise typer.BadParameter("--check writes nothing; leave --json-schema and --markdown out.")
    registered = catalogue()
    if check:
        _check(registered, against or _file(), database, json)
    elif json_schema is not None or markdown is not None:
        _export(registered, json_schema, markdown, json)
    else:
        _write(registered, json)


def _file() -> Path:
    from acci.store.contract.file import NAME
    from acci.store.settings import Settings

    return (Settings.from_environment().project or Path.cwd()) / NAME


def _committed() -> "Contract | None":
    from acci.store.contract.file import read

    file = _file()
    return read(file) if file.exists() else None


def _write(registered: "Catalogue", json: bool) -> None:
    from acci.store.contract.document import contract_of
    from acci.store.contract.file import text_of

    file, made = _file(), contract_of(registered, _committed())
    file.write_text(text_of(made), encoding="utf-8")
    counts = {kind: len(getattr(made, kind)) for kind in ("events", "commands", "read_models", "queries", "reactions")}
    if json:
        print_json({"file": str(file), **counts})
        return
    listed = ", ".join(f"{kind.replace('_', ' ')} {number}" for kind, number in counts.items())
    console().print(f"Wrote {file}: {listed}. Commit it.", markup=False, soft_wrap=True)


def _export(registered: "Catalogue", json_schema: Path | None, markdown: Path | None, json: bool) -> None:
    from acci.store.contract.document import contract_of
    from acci.store.contract.exports import schemas, write_schemas
    from acci.store.contract.markdown import page, write_page

    made = contract_of(registered, _committed())
    if json_schema is not None:
        write_schemas(json_schema, schemas(registered, made))
    if markdown is not None:
        write_page(markdown, page(registered, made))
    written = [str(place) for place in (json_schema, markdown) if place is not None]
    if json:
        print_json({"written": written})
        return
    console().print(f"Wrote {' and '.join(written)}.", markup=False, soft_wrap=True)


def _check(registered: "Catalogue", file: Path, database: bool, json: bool) -> None:
    from acci.store.contract.check import check, exit_code
    from acci.store.contract.file import read

    changes = check(read(file), registered)
    counts: list[int | None] = _counts(changes) if database else [None for _ in changes]
    code = exit_code(changes)
    if json:
        listed = [_as_json(change, count, database) for change, count in zip(changes, counts, strict=True)]
        print_json({"file": str(file), "exit_code": code, "changes": listed})
    else:
        _show(changes, counts, database)
    if code:
        raise typer.Exit(code)


def _counts(changes: "list[Change]") -> list[int | None]:
    from acci.flows.runtime.session import session
    from acci.store.contract.check import count_events

    with session("contract", "administer", shared=True) as (connection, _):
        return count_events(connection, changes)


def _as_json(change: "Change", count: int | None, database: bool) -> dict[str, Any]:
    found = {
        "kind": change.kind,
        "name": change.name,
        "what": change.what,
        "verdict": change.verdict.text,
        "do": change.do,
        "example": change.example,
    }
    return {**found, "stored_events": count} if database else found


def _show(changes: "list[Change]", counts: list[int | None], database: bool) -> None:
    if not changes:
        console().print("Nothing changed.")
        return
    heads = ("verdict", "of", "what changed", *(("stored events",) if database else ()))
    rows = [
        (
            change.verdict.text,
            f"{change.kind} {change.name}",
            change.what,
            *(("" if count is None else f"{count:,}",) if database else ()),
        )
        for change, count in zip(changes, counts, strict=True)
    ]
    print_table(heads, rows)
    for line in dict.fromkeys(_advice(change) for change in changes if change.do):
        console().print(line, markup=False, soft_wrap=True)
    console().print("If this is intended, run `acci contract` and commit the file.", markup=False)


def _advice(change: "Change") -> str:
    tried = f" It was tried with {change.example}" if change.example else ""
    return f"{change.kind} {change.name}: {change.do}{tried}"
