"""Simulating: a domain's made-up history appended in bulk, or its commands sent at a steady rate."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import uuid4

from acci.domain.commands import Command, CommandMetadata
from acci.domain.errors import AcciError, ConcurrencyError, Refused
from acci.domain.simulations import Plan, Simulation
from acci.store.commands.handler import CommandHandler
from acci.store.log.bulk import append_in_bulk
from acci.store.log.event_store import EventStore
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.postgres.advisory_locks import try_lock
from acci.store.postgres.database import NO_LIMITS, Connection, Database, connect
from acci.store.postgres.keys import Keys
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue, known
from acci.store.settings import Limits
from acci.store.telemetry import Tracing

CHUNK = 10_000  # events in one COPY: large enough to be quick, small enough not to hold the high-water mark for long


class SimulationRunning(AcciError):
    """Another process simulates in the same database now."""

    sentence = "Another simulation runs in this database. Wait for it to end."


@dataclass(frozen=True)
class Simulated:
    """What a simulation did. `refused` counts commands that were not granted."""

    events: int
    seconds: float
    refused: int = 0


def simulation_of(catalogue: Catalogue, context: str | None) -> Simulation:
    """The simulation of the named context, or of the first that has one. Raises `UnknownName`."""
    simulations = {each.name: each.simulation for each in catalogue.contexts if each.simulation is not None}
    return known(simulations, "simulation", context if context is not None else next(iter(simulations), "any"))


def simulate(
    database_url: str,
    simulation: Simulation,
    *,
    events: int,
    writers: int = 4,
    tenants: int = 20,
    seed: int = 0,
    days: float = 365.0,
    end: datetime | None = None,
    progress: Callable[[int], None] = lambda _: None,
    keys: Keys | None = None,
) -> Simulated:
    """Afterwards the log has `events` more events: a history of the `days` before `end` (now, if not given).

    Appended by `writers` threads at once, in chunks by COPY; `progress` gets each chunk's size. The same `seed`
    on the same log gives the same events; on a log with others in it, new aggregates. Raises `SimulationRunning`.
    """
    began = time.monotonic()
    end = end or datetime.now(UTC)
    telling = threading.Lock()

    def write(plan: Plan, stop: threading.Event) -> None:
        history = simulation.events(plan)
        with connect(database_url, "simulate", keys=keys) as connection:
            while not stop.is_set() and (chunk := list(islice(history, CHUNK))):
                append_in_bulk(connection, chunk, PAYLOAD_LIMIT)
                with telling:
                    progress(len(chunk))

    with connect(database_url, "simulate") as connection:
        batch = _alone(connection)
        whole = Plan(seed, batch, 0, tenants, events, end - timedelta(days=days), end)
        _in_threads(write, _shares(whole, writers))
        connection.execute(sql("log/events:analyze"))
    return Simulated(events, time.monotonic() - began)


def simulate_live(
    database_url: str,
    catalogue: Catalogue,
    simulation: Simulation,
    *,
    rate: float,
    seconds: float,
    writers: int = 4,
    tenants: int = 20,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
    keys: Keys | None = None,
    limits: Limits = NO_LIMITS,
    tracing: Tracing | None = None,
) -> Simulated:
    """Send commands for `seconds`, `rate` a second as far as the machine keeps up, from `writers` threads.

    Raises `SimulationRunning`.
    """
    began = time.monotonic()
    telling = threading.Lock()
    events, refused = 0, 0

    def send(plan: Plan, stop: threading.Event) -> None:
        nonlocal events, refused
        for number, command in enumerate(simulation.commands(plan)):
            due = began + (number * writers + plan.writer) / rate
            if due >= began + seconds or time.monotonic() >= began + seconds:
                return
            if stop.wait(max(0.0, due - time.monotonic())):
                return
            command_id = uuid4()
            metadata = CommandMetadata(
                user_id=command.user_id,
                correlation_id=str(command_id),
                tenant_id=command.tenant_id,
                timestamp=datetime.now(UTC),
            )
            try:
                led_to = len(handler.handle(Command(command_id, command.data, metadata)))
            except (Refused, ConcurrencyError):
                led_to = 0
                with telling:
                    refused += 1
            with telling:
                events += led_to
                progress(1)

    with (
        connect(database_url, "simulate", "append") as connection,
        Database(database_url, writers, "append", limits, keys, tracing) as database,
    ):
        batch = _alone(connection)
        handler = CommandHandler(EventStore(database, catalogue), catalogue)
        now = datetime.now(UTC)
        _in_threads(send, _shares(Plan(seed, batch, 0, tenants, 0, now, now), writers))
    return Simulated(events, time.monotonic() - began, refused)


def _shares(whole: Plan, writers: int) -> list[Plan]:
    """The plan of each writer: together as many events as the whole."""
    least, more = divmod(whole.events, writers)
    return [replace(whole, writer=number, events=least + (number < more)) for number in range(writers)]


def _alone(connection: Connection) -> str:
    """This connection's simulation is the only one until it closes; gives the batch's name."""
    if not try_lock(connection, "acci simulate"):
        raise SimulationRunning
    head = connection.execute(sql("log/events:last_position")).fetchone()
    return f"{head[0] if head else 0:x}"


def _in_threads(work: Callable[[Plan, threading.Event], None], plans: list[Plan]) -> None:
    """Each plan's work in a thread of its own; when one fails, or on Ctrl-C, the others are stopped."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(plans)) as pool:
        try:
            for done in as_completed([pool.submit(work, plan, stop) for plan in plans]):
                done.result()
        except BaseException:
            stop.set()
            raise
