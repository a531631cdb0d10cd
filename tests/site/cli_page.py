"""The page of the command line, made from the Typer program."""

from collections.abc import Iterator
from typing import Any

import typer

from acci.flows.cli.main import app

EXITS = """
Exit codes: 0 done, 1 refused (one sentence on stderr says why), 2 wrong usage. `acci health` has [codes of its
own](../guides/alerting.md#health-check). With `--json` the answer, or the refusal (`{"error": …, "type": …}`), is JSON.
""".strip()


def cli() -> str:
    """Every command with its help, arguments and options."""
    parts = ["# Command line", EXITS]
    program = typer.main.get_command(app)
    parts += [_section(context) for context in _commands(typer.Context(program, info_name="acci"))]
    return "\n\n".join(parts) + "\n"


def names() -> set[str]:
    """Every command as it is typed: `status`, `run rebuild` …"""
    program = typer.main.get_command(app)
    found = _commands(typer.Context(program, info_name="acci"))
    return {context.command_path.removeprefix("acci ") for context in found}


def _commands(context: Any) -> Iterator[Any]:
    children = getattr(context.command, "commands", None)
    if children is None:
        yield context
        return
    for name, command in children.items():
        yield from _commands(typer.Context(command, info_name=name, parent=context))


def _section(context: Any) -> str:
    command = context.command
    usage = command.get_usage(context).removeprefix("Usage: ")
    records = [p.get_help_record(context) for p in command.get_params(context)]
    rows = [(option, text) for option, text in (each for each in records if each) if not option.endswith("--help")]
    parts = [f"## {context.command_path}", _text(command.help or ""), f"```text\n{' '.join(usage.split())}\n```"]
    if rows:
        table = [f"| `{_cell(option)}` | {_cell(text)} |" for option, text in rows]
        parts.append("\n".join(["| argument or option | meaning |", "| --- | --- |", *table]))
    return "\n\n".join(parts)


def _text(text: str) -> str:
    return "\n\n".join(" ".join(block.split()) for block in text.split("\n\n"))


def _cell(text: str) -> str:
    plain = " ".join(text.split()).replace("|", r"\|").replace("<=", "≤")
    return plain if "<" in plain else plain.replace("[", r"\[")
