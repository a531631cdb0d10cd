"""`acci run seal`: chained digests over the events that are not sealed yet."""

from typing import Annotated

import typer

from acci.flows.cli.printing import JsonFlag
from acci.flows.cli.run.flow_runs import run_flow


def seal(
    size: Annotated[int, typer.Option(min=100, max=1_000_000, help="Positions in one seal.")] = 10_000,
    json: JsonFlag = False,
) -> None:
    """Seal the events that are not sealed yet.

    An audit then finds events that were changed.
    """
    run_flow("acci.flows.seal:seal", "all", {"size": size}, json)
