"""Rolling back: a kept generation becomes the live one again, caught up, in one transaction."""

from acci.domain.errors import AcciError, UnknownNumber
from acci.domain.projections import Projection
from acci.store.generations import generations
from acci.store.generations.fingerprints import define
from acci.store.generations.generations import Generation
from acci.store.generations.table_definition import require_unaltered
from acci.store.log import high_water
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting import discards
from acci.store.projecting.batches import require_within_log
from acci.store.projecting.live_read_model import lock
from acci.store.rebuilding import gate, publish
from acci.store.rebuilding.gate import GateThresholds
from acci.store.registry import Catalogue


class NothingKept(AcciError):
    """There is no old generation to go back to."""

    projection: str

    sentence = (
        "{projection} has no old generation to roll back to: rebuilds keep as many as their parameter says. "
        "Put the rules of then back and run `acci run rebuild {projection}`."
    )


class OtherRules(AcciError):
    """The kept generation was made by other rules than the present ones, so that it cannot be caught up."""

    projection: str
    generation: int
    changes: tuple[str, ...]

    sentence = (
        "Generation {generation} of {projection} cannot be caught up: it was made by other rules "
        "({changes:; }). Put the rules of then back first, or roll back with `--as-it-was`: readers "
        "go back to its checkpoint, and it is caught up once its rules are back."
    )


class NotPutBack(AcciError):
    """The kept generation is not what its events make; `objections` are sentences."""

    projection: str
    generation: int
    objections: tuple[str, ...]

    sentence = (
        "Generation {generation} of {projection} was not put back, the live one stays: "
        "{objections: } Run `acci run rebuild {projection}`, or roll back to another one; "
        "`acci generations drop {generation}` throws this one away."
    )


def candidate(connection: Connection, projection: str, wanted: int = 0) -> Generation:
    """The kept generation of that number, or the newest. Raises `NothingKept`, `UnknownNumber`."""
    kept = generations.kept(connection, projection)
    if not kept:
        raise NothingKept(projection)
    found = [each for each in kept if wanted in (0, each.generation)]
    if not found:
        raise UnknownNumber("kept generation", wanted, tuple(each.generation for each in kept))
    return found[0]


def roll_back(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    wanted: int = 0,
    as_it_was: bool = False,
    unchecked: bool = False,
) -> Generation:
    """Make a kept generation (the newest, or number `wanted`) live; the present one is kept in its place.

    Readers see no gap. It is caught up first, so that they do not go back in time; `as_it_was` leaves it at its
    checkpoint, for when the rules it was made by are not there. A checkpoint that was moved by hand is put back. Unless
    `unchecked`, it has to pass the gate, if the rules that made it are those of today.

    Raises `NothingKept`, `UnknownNumber`, `OtherRules`, `NotPutBack`, `TableAltered`, `CheckpointBeyondLog`,
    `SwapBlocked`, `ColumnsInUse`, and `Busy` while a rebuild is under way.
    """
    with (
        generations.exclusive_run(connection, projection.name, "rollback"),
        generations.exclusive_run(connection, projection.name, "rebuild"),
    ):
        back = candidate(connection, projection.name, wanted)
        definition = define(catalogue, projection)
        same_rules = definition.fingerprint == back.fingerprint
        if not (same_rules or as_it_was):
            raise OtherRules(projection.name, back.generation, definition.changes_from(back.definition))
        require_unaltered(connection, back)
        if back.is_moved:
            connection.execute(sql("generations/generations:reset_checkpoint"), {"generation": back.generation})
            back = generations.one(connection, back.generation)
        require_within_log(connection, back, high_water.establish(connection).head)
        if same_rules:
            if not as_it_was:
                back = publish.catch_up_to_within(connection, projection, back)
            with connection.transaction():
                discards.settle(connection, projection, back, lock(connection, back))
            if not unchecked:
                _require_sound(connection, catalogue, projection, back)
        return publish.publish(connection, projection, back, as_it_is=as_it_was)


def _require_sound(
    connection: Connection, catalogue: Catalogue, projection: type[Projection], back: Generation
) -> None:
    """Raises `NotPutBack`. Parked keys are no objection: the live generation has them too."""
    allowed = GateThresholds(dead_letters=True)
    verdict = gate.inspect(connection, catalogue, projection, back, allowed, against_live=False)
    if verdict.objections:
        raise NotPutBack(projection.name, back.generation, verdict.objections)
