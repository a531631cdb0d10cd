"""A rebuild's plan: the number of its partitions here, and its lines for artifacts and the terminal."""

from acci.domain.projections import Projection
from acci.store.log.unknown_events import listed
from acci.store.rebuilding.partitions import useful_partitions
from acci.store.rebuilding.plan import Plan
from acci.store.settings import Settings


def shares_of(projection: type[Projection], at_most: int) -> int:
    """How many partitions a rebuild on this machine has; with Dask each may have a process of its own."""
    return useful_partitions(projection, at_most, processes=Settings.from_environment().dask is not None)


def plan_rows(plan: Plan) -> list[tuple[str, str]]:
    """The plan, line by line: label and value."""
    estimate = plan.estimate
    seconds = "unknown" if estimate.seconds is None else f"about {estimate.seconds:,.0f} s"
    size = "unknown" if estimate.bytes is None else f"about {megabytes(estimate.bytes)}"
    return [
        ("why", "; ".join(plan.reasons) or "no reason: the live rows were made by the present rules"),
        ("live generation", "none" if plan.live is None else f"{plan.live}, {megabytes(plan.live_bytes or 0)} on disk"),
        (
            "resumes",
            "nothing: it starts over" if plan.resumes is None else f"generation {plan.resumes}",
        ),
        ("reads", f"{sum(plan.events.values()):,} events up to position {plan.positions:,}"),
        *((f"… {event_type}", f"{count:,}") for event_type, count in plan.events.items()),
        ("partitions", str(plan.partitions)),
        ("time", f"{seconds} ({estimate.basis})"),
        ("disk while it builds", size),
        ("columns that change", str(plan.columns)),
        ("views on it", ", ".join(each.view for each in plan.dependents) or "none"),
        ("grants", ", ".join(f"{privilege} to {role}" for privilege, role in plan.grants) or "none"),
        ("breaks", "; ".join(plan.breaks) or "nothing"),
        ("unknown events", listed(plan.unknown_events) or "nothing: every event type is registered or retired"),
    ]


def megabytes(number: int) -> str:
    return f"{number / 1024**2:,.1f} MiB"
