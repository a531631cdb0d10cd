"""The `acci` program as a shell runs it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def acci(*arguments: str | Path, input: str | bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:  # noqa: A002 as subprocess has it
    """What `acci` with these arguments did: exit code, stdout, stderr."""
    done = subprocess.run(
        command(arguments),
        env=os.environ | {"COLUMNS": "200"} | environment,
        cwd=CHECKOUT,
        input=input.encode() if isinstance(input, str) else input,
        capture_output=True,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def command(arguments: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-c", "from acci.flows.cli import main; main()", *map(str, arguments)]


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence with which it refused. Fails if there is more, or less."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("acci: ")
    return lines[0].removeprefix("acci: ")
