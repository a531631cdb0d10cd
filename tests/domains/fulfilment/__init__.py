"""Orders that are fulfilled across three aggregates: a process manager with a time-out and compensation."""

import sys
from pathlib import Path

from acci.domain.contexts import Context

CONTEXT = Context.of_packages("fulfilment", Path(__file__).parent / "sql", sys.modules[__name__])
