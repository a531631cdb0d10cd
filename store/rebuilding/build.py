"""A rebuild's recipe, as data: STEPS, in the order in which they are taken.

Each step commits what it did and can be taken again, so that a rerun after a crash goes on with what is missing. The
live generation is untouched until `publish`. A caller runs the steps in a loop, or in processes of its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from acci.domain.projections import Projection
from acci.store.generations import generations, lifecycle
from acci.store.generations.generations import Generation, Partition
from acci.store.postgres.database import Connection
from acci.store.projecting.batches import Report, no_report
from acci.store.rebuilding import gate, new_generation
from acci.store.rebuilding import publish as publishing
from acci.store.rebuilding.gate import Check, GateThresholds, Verdict
from acci.store.registry import Catalogue

QualityChecks = Callable[[Connection, Catalogue, type[Projection], Generation], Iterable[Check]]


@dataclass(frozen=True)
class RebuildOptions:
    """What the caller wants of a rebuild: `keep` old generations for a rollback, `fresh` to resume nothing."""

    partitions: int = 1
    thresholds: GateThresholds = field(default_factory=GateThresholds)
    keep: int = 1
    fresh: bool = False
    allow_older_rules: bool = False


@dataclass(frozen=True)
class Build:
    """A rebuild as a step leaves it: plain data, so that the next step can be taken by any process.

    `partitions` are those still to fill; `rows` and `batches` count what was filled, `dropped` old generations.
    """

    projection: str
    options: RebuildOptions = field(default_factory=RebuildOptions)
    begun: Generation | None = None
    partitions: tuple[Partition, ...] = ()
    rows: int = 0
    batches: int = 0
    dropped: int = 0

    @property
    def generation(self) -> Generation:
        """The new generation. Raises `ValueError` before the step `begin`."""
        if self.begun is None:
            raise ValueError(f"The rebuild of {self.projection} has no generation yet: take the step begin first.")
        return self.begun

    def __str__(self) -> str:
        if len(self.partitions) != 1:
            return self.projection
        part = self.partitions[0]
        return f"{self.projection}, partition {part.ordinal} of {part.partitions}, up to position {part.target}"


def no_quality_checks(*_: object) -> Iterable[Check]:
    """No further checks: for read models without a quality suite, and callers that run none."""
    return ()


def unseen(_: Verdict) -> None:
    """No report: for callers to whom the gate's errors are enough."""


@dataclass(frozen=True)
class StepContext:
    """What a step works with, in the process that runs it."""

    connection: Connection
    catalogue: Catalogue
    projection: type[Projection]
    report: Report = no_report
    quality_checks: QualityChecks = no_quality_checks
    show_verdict: Callable[[Verdict], None] = unseen


Step = Callable[[Build, StepContext], Build]


def begin(build: Build, context: StepContext) -> Build:
    """There is a generation to fill, with its partitions: the one an interrupted rebuild left, or a new one."""
    options = build.options
    generation, partitions = new_generation.begin(
        context.connection,
        context.catalogue,
        context.projection,
        options.partitions,
        options.fresh,
        options.allow_older_rules,
    )
    return replace(build, begun=generation, partitions=partitions)


def fill(build: Build, context: StepContext) -> Build:
    """Every event up to their targets is applied in the build's partitions."""
    filled = [
        new_generation.fill(context.connection, context.projection, build.generation, part, context.report)
        for part in build.partitions
    ]
    rows, batches = sum(each.rows for each in filled), sum(each.batches for each in filled)
    return replace(build, partitions=(), rows=build.rows + rows, batches=build.batches + batches)


def finish(build: Build, context: StepContext) -> Build:
    """It has its indexes and statistics, and is nearly caught up, so the gate checks what readers will see."""
    finished = new_generation.finish(context.connection, context.projection, build.generation)
    return replace(build, begun=publishing.catch_up_to_within(context.connection, context.projection, finished))


def check(build: Build, context: StepContext) -> Build:
    """The gate has passed it. Raises `GateClosed`; a generation that is wrong is rejected, the next rebuild a new one.

    One that only differs from the live one by more than allowed is kept: a rebuild that allows more goes on with it.
    """
    connection, catalogue, projection = context.connection, context.catalogue, context.projection
    further = context.quality_checks(connection, catalogue, projection, build.generation)
    verdict = gate.inspect(connection, catalogue, projection, build.generation, build.options.thresholds, further)
    context.show_verdict(verdict)
    if verdict.objections and not verdict.only_changes_too_much:
        lifecycle.reject(connection, build.generation)
    verdict.require()
    return build


def publish(build: Build, context: StepContext) -> Build:
    """It is live and caught up; the previous generation is kept."""
    return replace(build, begun=publishing.publish(context.connection, context.projection, build.generation))


def retain(build: Build, context: StepContext) -> Build:
    """Its table is vacuumed, and old generations beyond the number to keep are dropped."""
    lifecycle.vacuum(context.connection, build.generation)
    dropped = lifecycle.retain(context.connection, build.projection, build.options.keep)
    return replace(build, dropped=dropped)


STEPS: tuple[Step, ...] = (begin, fill, finish, check, publish, retain)
UNCHECKED = tuple(step for step in STEPS if step not in (check, retain))


def run(context: StepContext, options: RebuildOptions = RebuildOptions(), steps: Iterable[Step] = STEPS) -> Build:
    """Take the steps on the context's connection, one partition after the other. Raises what they raise.

    Raises `Busy` if a rebuild of the projection is under way.
    """
    build = Build(context.projection.name, options)
    with generations.exclusive_run(context.connection, build.projection, "rebuild"):
        for step in steps:
            build = step(build, context)
    return build


def rebuild(
    connection: Connection,
    catalogue: Catalogue,
    projection: type[Projection],
    options: RebuildOptions = RebuildOptions(),
    steps: Iterable[Step] = UNCHECKED,
) -> Build:
    """Rebuild and publish; by default without the gate, and keeping all old generations. For programs and tests."""
    return run(StepContext(connection, catalogue, projection), options, steps)
