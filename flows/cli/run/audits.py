"""`acci run audit`, `repair`, `check-quality`, `seal`, `compact-snapshots`: what is stored, held against events."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from acci.flows.cli.json_input import KEY, read_key
from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def audit(
    projection: Annotated[str, typer.Argument(help="A projection's name; all: every one, and the log.")] = "all",
    check: Annotated[list[str] | None, typer.Option(help="Only this check; repeatable.")] = None,
    tenant: Annotated[str, typer.Option(help="Only what belongs to this tenant.")] = "",
    keys: Annotated[list[str] | None, typer.Option("--key", help=KEY)] = None,
    since: Annotated[str, typer.Option(help="Only what events recorded at or after this moment touched.")] = "",
    one_in: Annotated[int, typer.Option(min=1, max=1_000_000, help="Look at one key in so many.")] = 1,
    repair: Annotated[bool, typer.Option("--repair", help="Derive anew what is found wrong.")] = False,
    fail_at: Annotated[str, typer.Option(help="How bad a finding must be to fail: info, warning or error.")] = "error",
    json: JsonFlag = False,
) -> None:
    """Hold what is stored against the events.

    The log, the read models and the snapshots.
    """

    def load() -> Callable[..., Any]:
        from acci.flows.audit import audit as flow

        return flow

    if fail_at not in ("info", "warning", "error"):
        raise typer.BadParameter("--fail-at is info, warning or error.")
    parameters = {
        "projection": projection,
        "checks": check or [],
        "tenant": tenant,
        "keys": [read_key(text) for text in keys or []],
        "since": since,
        "one_in": one_in,
        "repair": repair,
        "fail_at": fail_at,
    }
    run_flow(load, projection, parameters, json)


def repair(
    projection: Annotated[str, typer.Argument(help="A projection's name, or all.")] = "all",
    trust_log: Annotated[
        bool, typer.Option("--trust-log", help="Derive also what rests on events that were changed by hand.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Derive anew what findings name, and audit it.

    Only open findings; events are never changed. For chosen keys instead: acci run audit PROJECTION --repair
    --key '["t1", "ann"]'.
    """

    def load() -> Callable[..., Any]:
        from acci.flows.repair import repair as flow

        return flow

    run_flow(load, projection, {"projection": projection, "trust_log": trust_log}, json)


def check_quality(
    projection: Annotated[
        str, typer.Argument(help="A projection's name, several separated by commas, or all.")
    ] = "all",
    html: Annotated[Path | None, typer.Option(help="Write a report for people into this file.")] = None,
    json: JsonFlag = False,
) -> None:
    """Check read models against their quality suites."""

    def load() -> Callable[..., Any]:
        from acci.flows.check_quality import check_quality as flow

        return flow

    run_flow(load, projection, {"projection": projection, "report_file": "" if html is None else str(html)}, json)


def seal(
    size: Annotated[int, typer.Option(min=100, max=1_000_000, help="Positions in one seal.")] = 10_000,
    json: JsonFlag = False,
) -> None:
    """Seal the events that are not sealed yet.

    An audit then finds whoever changes an old one.
    """

    def load() -> Callable[..., Any]:
        from acci.flows.seal import seal as flow

        return flow

    run_flow(load, "all", {"size": size}, json)


def compact_snapshots(
    aggregate: Annotated[str, typer.Argument(help="An aggregate's name, or all that have snapshots.")] = "all",
    keep: Annotated[int, typer.Option(min=1, max=1000, help="Snapshots kept of each stream.")] = 1,
    sample: Annotated[int, typer.Option(min=0, max=100_000, help="Streams to check by replay.")] = 100,
    json: JsonFlag = False,
) -> None:
    """Take due snapshots, drop superseded ones."""

    def load() -> Callable[..., Any]:
        from acci.flows.compact_snapshots import compact_snapshots as flow

        return flow

    run_flow(load, "all", {"aggregate": aggregate, "keep": keep, "sample": sample}, json)
