"""`acci erase`: a person's data, made unreadable for good."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from acci.flows.cli.printing import JsonFlag, cell, console, print_json
from acci.store.settings import Settings

if TYPE_CHECKING:
    from acci.store.maintenance.erasure import Erasure


def erase(
    subject: Annotated[str | None, typer.Argument(help="Whose data.")] = None,
    tenant: Annotated[str | None, typer.Option(help="The tenant.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Erase again everybody who was erased before: after a backup was restored.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Make a person's data unreadable, for good.

    In events, snapshots, dead letters, read models, reactions, findings, artifacts and the log files of what runs
    here. What reactions were still to send for the person is dropped."""
    from acci.flows.runtime.session import session
    from acci.store.encryption.configured import key_store
    from acci.store.encryption.payload_encryption import required
    from acci.store.maintenance.erasure import erase as make_unreadable

    if again == (subject is not None) or (tenant is None) != again:
        raise typer.BadParameter("name the person and --tenant, or give --again alone.")
    settings = Settings.from_environment()
    who = required(key_store(settings)).erased() if again else [(tenant or "", subject or "")]
    with session("erase", "administer") as (connection, catalogue):
        done = [make_unreadable(connection, catalogue, *each, settings.home / "logs") for each in who]
    for each in done:
        each.artifacts = _artifacts(settings, each.texts)
    if json:
        print_json([{name: value for name, value in asdict(each).items() if name != "texts"} for each in done])
    else:
        for each in done:
            _say(each, settings)
    if any(each.left for each in done):
        raise typer.Exit(1)


def _artifacts(settings: Settings, texts: list[str]) -> int | None:
    """How many artifacts were deleted; None without a Prefect server."""
    from acci.flows.local.instance import prefect_access
    from acci.flows.local.prefect_api import PrefectApi

    access = prefect_access(settings)
    return None if access is None else PrefectApi(access).delete_artifacts(texts)


def _say(done: "Erasure", settings: Settings) -> None:
    def say(text: str) -> None:
        console().print(cell(text), soft_wrap=True)

    say(f"{done.subject} of {done.tenant_id}: {done.events} events, {done.keys_destroyed} keys destroyed.")
    rows = ", ".join(f"{count} of {name}" for name, count in done.rows.items()) or "none"
    say(f"  rows re-derived: {rows}; old generations dropped: {done.generations_dropped}")
    artifacts = "not searched, since no Prefect server is known" if done.artifacts is None else str(done.artifacts)
    say(f"  snapshots: {done.snapshots}, dead letters: {done.dead_letters}, findings: {done.findings}")
    say(
        f"  reactions: {done.reactions.deliveries} deliveries and {done.reactions.timers} timers dropped, "
        f"{done.reactions.states} states and {done.reactions.digests} digests cleared"
    )
    say(f"  artifacts: {artifacts}; idempotency records without a key: {done.commands}")
    say(f"  overwritten in log files: {done.logs} places in {settings.home / 'logs'}")
    if settings.database_url is not None:
        say("  not searched: the log of your PostgreSQL server; see docs/guides/postgresql.md")
    for place, count in done.elsewhere.items():
        say(f"  the same text is in {count} rows of others in {place}, as when two people have one name")
    for place, count in done.left.items():
        say(f"  STILL READABLE: {count} in {place}")
    if not done.left:
        say("  searched again: nothing is left.")
