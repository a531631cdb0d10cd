"""`acci doctor`: whether the installation is fit to run, and what to do where it is not."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from acci.domain.errors import AcciError
from acci.flows.cli.printing import JsonFlag, console, print_json, printable
from acci.store.extras import MissingExtra, require
from acci.store.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from acci.store.monitoring.doctor.diagnosis import Diagnosis

TO_BE_MENDED = 1
COLOURS = {"well": "green", "warning": "yellow", "wrong": "bold red"}


def doctor(json: JsonFlag = False) -> None:
    """Check the installation, and say what to do.

    Versions, the database's settings and rights, connections, standbys, keys, Prefect. Nothing is changed. What cannot
    be reached is one line, and the rest is looked at.

    Exit code 0: all is well, or there are warnings only. 1: something must be mended.
    """
    from acci.store.monitoring.doctor.diagnosis import Verdict

    lines, screen = [], console()
    for line in _examined(Settings.from_environment()):
        lines.append(line)
        if not json:
            _print(screen, line)
    worst = next((each for each in (Verdict.WRONG, Verdict.WARNING) if each in {line.verdict for line in lines}), None)
    if json:
        print_json({"verdict": worst or Verdict.WELL, "lines": [asdict(line) for line in lines]})
    if worst is Verdict.WRONG:
        raise typer.Exit(TO_BE_MENDED)


def _examined(settings: Settings) -> "Iterator[Diagnosis]":
    from acci.flows.runtime.project import registered
    from acci.store.monitoring.doctor.diagnosis import refused, well
    from acci.store.monitoring.doctor.examination import examine_database, examine_machine

    yield from examine_machine(settings)
    catalogue = None
    try:
        catalogue = registered(settings)
        said = (
            f"{', '.join(settings.contexts)}: {len(catalogue.events)} events, {len(catalogue.projections)} read models."
        )
        yield well("contexts", said)
    except AcciError as error:
        yield refused("contexts", error)
    yield from examine_database(settings, catalogue)
    try:
        require("flows")
    except MissingExtra:
        yield well("Prefect", "Not looked at: the extra flows is not installed. Read models are kept by `acci follow`.")
        return
    from acci.flows.local.prefect_doctor import examine_prefect

    yield from examine_prefect(settings)


def _print(screen: "Console", line: "Diagnosis") -> None:
    from rich.text import Text

    said = Text.assemble((f"{line.verdict:<8}", COLOURS[line.verdict]), f"{line.name}: {printable(line.said)}")
    screen.print(said, soft_wrap=True)
    if line.remedy:
        screen.print(Text(f"{'':8}→ {printable(line.remedy)}"), soft_wrap=True)
