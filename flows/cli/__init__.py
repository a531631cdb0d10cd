"""The `acci` command line: one command a module, and nothing heavy imported before a command needs it."""

import gc

# Imports make many objects and no cycles: collecting garbage would take a tenth of a short command's time.
gc.set_threshold(200_000)

from acci.flows.cli.main import main  # noqa: E402 what it imports is meant

__all__ = ["main"]
