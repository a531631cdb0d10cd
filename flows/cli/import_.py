"""`acci import`: a file of lines into the event log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acci.flows.cli.bars import bar
from acci.flows.cli.printing import JsonFlag, cell, console, print_json

if TYPE_CHECKING:
    from acci.store.importing.importer import Imported


def import_(
    file: Annotated[Path, typer.Argument(help="CSV with a header, or NDJSON, in UTF-8.")],
    mapping: Annotated[Path, typer.Option(help="A TOML or YAML file that says how a line becomes an event.")],
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--all-or-nothing",
            help="Store part by part, leave bad lines out, and continue where an import of this file stopped; "
            "or store all lines at once, and none if one is bad.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every line, and its event's id against the log; store nothing.")
    ] = False,
    part: Annotated[int, typer.Option(min=1, max=1_000_000, help="With --resume: events in one part.")] = 20_000,
    bad_limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="How many bad lines are listed; others are only counted.")
    ] = 20,
    skip_known: Annotated[
        bool,
        typer.Option("--skip-known", help="Skip events that are in the log already, by their ids."),
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Turn each line of a file into an event.

    Checked against the event's class.
    """
    from acci.flows.runtime.session import catalogue, keys
    from acci.store.database_url import direct_url
    from acci.store.importing.importer import Importer
    from acci.store.importing.mapping import load_mapping
    from acci.store.importing.problems import UnreadableFile
    from acci.store.settings import Settings

    if not file.is_file():
        raise UnreadableFile(str(file), "it is no file" if file.exists() else "there is no such file")
    registered = catalogue()
    rules = load_mapping(mapping, registered)
    url = "" if dry_run and rules.id is None else direct_url(Settings.from_environment())
    importer = Importer(url, registered, rules, bad_limit, skip_known=skip_known, keys=keys())
    with bar("reading", file.stat().st_size, is_bytes=True) as show:
        if dry_run:
            done = importer.check(file, show)
        elif resume:
            done = importer.import_in_parts(file, show, part)
        else:
            done = importer.import_whole(file, show)
    _report(done, dry_run=dry_run, json=json)
    if done.bad_lines:
        raise typer.Exit(1)


def _report(done: "Imported", *, dry_run: bool, json: bool) -> None:
    if json:
        print_json(
            {
                "file": done.file,
                "lines": done.lines,
                "events": done.events,
                "new_events": done.new_events,
                "known_events": done.known_events,
                "bad_lines": done.bad_lines,
                "rejected": [{"line": line.number, "reason": line.reason} for line in done.rejected],
            }
        )
        return
    console().print(cell(_sentence(done, dry_run=dry_run)))
    for line in done.rejected:
        console(stderr=True).print(cell(f"  {line}"))
    if (rest := done.bad_lines - len(done.rejected)) > 0:
        console(stderr=True).print(f"  … and {rest:,} more")


def _sentence(done: "Imported", *, dry_run: bool) -> str:
    known = f" {done.known_events:,} events were in the log already." if done.known_events else ""
    if dry_run:
        would = f"{done.events:,} lines would become events, {done.bad_lines:,} are bad"
        return f"{done.file}: {would}.{known} Nothing was stored."
    if not done.new_events and done.events:
        return f"{done.file} was imported before: {done.events:,} events. Nothing was stored."
    left_out = f" {done.bad_lines:,} bad lines were left out." if done.bad_lines else ""
    total = f" ({done.events:,} with those before)" if done.events > done.new_events else ""
    return f"{done.file}: {done.new_events:,} events stored{total}.{known}{left_out}"
