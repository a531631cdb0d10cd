"""The `acci` command line: one command a module, and nothing heavy imported before a command needs it."""

from flows.cli.main import main

__all__ = ["main"]
