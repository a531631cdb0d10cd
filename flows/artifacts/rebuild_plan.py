"""A rebuild's plan: into how many parts it is cut here, and in words, for artifacts and the terminal."""

from acci.domain.projections import Projection
from acci.store.log.unknown_events import listed
from acci.store.rebuilding.build import useful_partitions
from acci.store.rebuilding.plan import Plan
from acci.store.settings import Settings


def shares_of(projection: type[Projection], at_most: int) -> int:
    """Into how many partitions to cut a projection's rebuild here, where Dask may give each a process of its own."""
    return useful_partitions(projection, at_most, processes=Settings.from_environment().dask is not None)


def plan_rows(plan: Plan) -> list[tuple[str, str]]:
    """The plan, line by line: what, and how much or which."""
    estimate = plan.estimate
    seconds = "unknown" if estimate.seconds is None else f"about {estimate.seconds:,.0f} s"
    size = "unknown" if estimate.bytes is None else f"about {megabytes(estimate.bytes)}"
    return [
        ("why", "; ".join(plan.reasons) or "no reason: the live rows are of the present rules"),
        ("live generation", "none" if plan.live is None else f"{plan.live}, {megabytes(plan.live_bytes or 0)} on disk"),
        ("goes on with", "nothing: it begins anew" if plan.resumes is None else f"generation {plan.resumes}"),
        ("reads", f"{sum(plan.events.values()):,} events up to position {plan.positions:,}"),
        *((f"… {event_type}", f"{count:,}") for event_type, count in plan.events.items()),
        ("partitions", str(plan.partitions)),
        ("time", f"{seconds} ({estimate.basis})"),
        ("disk while it builds", size),
        ("columns that change", str(plan.columns)),
        ("views upon it", ", ".join(each.view for each in plan.dependents) or "none"),
        ("grants", ", ".join(f"{privilege} to {role}" for privilege, role in plan.grants) or "none"),
        ("breaks", "; ".join(plan.breaks) or "nothing"),
        ("nobody reads", listed(plan.unread) or "nothing: every event type is registered or retired"),
    ]


def megabytes(number: int) -> str:
    return f"{number / 1024**2:,.1f} MiB"
