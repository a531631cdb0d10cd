"""The control totals of one generation, with its exclusions."""

from acci.store.projecting.exclusions import Exclusions
from acci.store.projecting.live_read_model import LiveReadModel
from acci.store.verifying.control_totals import Total, control_totals


def generation_totals(live: LiveReadModel, exclusions: Exclusions) -> tuple[Total, ...]:
    """Each total as counted from the applied events and as the table has it; parked keys count in neither."""
    parked_in = live.generation.generation if exclusions.parked else None
    return control_totals(live.connection, live.projection, live.table(), live.applied(exclusions), parked_in)
