"""The command line as a shell sees it: exit codes, sentences, and how little it loads."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("asyncpg", "great_expectations", "httpx", "pandas", "prefect", "psycopg", "pydantic", "rich", "sqlalchemy")


def acci(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from acci.flows.cli import main; main()", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def in_shell(line: str) -> subprocess.CompletedProcess[str]:
    """`acci` with these words, redirections among them, as a shell runs it."""
    program = f"{shlex.quote(sys.executable)} -c 'from acci.flows.cli import main; main()'"
    return subprocess.run(["/bin/sh", "-c", f"exec {program} {line}"], capture_output=True, text=True, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no file that is always full")
@pytest.mark.parametrize("command", ["--version", "--help", "run --help"])
def test_output_that_is_refused_is_a_sentence(command: str) -> None:
    done = in_shell(f"{command} >/dev/full")
    assert done.returncode == 1
    assert done.stderr == (
        "acci: Standard output cannot be written: No space left on device; what was done before stays done. "
        "Give it a pipe, a terminal or a file with room.\n"
    )
    done = in_shell(f"{command} >&-")
    assert done.returncode == 1
    assert done.stderr.startswith("acci: Standard output cannot be written: it is closed; nothing was done. Give it")
    assert in_shell(f"{command} >&- 2>&-").returncode == 1
    assert in_shell(f"{command} >/dev/full 2>&1").returncode == 1
    assert in_shell(f"{command} 2>&-").returncode == 0


def test_a_reader_that_closes_the_pipe_early_is_no_error() -> None:
    done = in_shell("--help | /bin/true")
    assert done.stderr == ""


def test_a_refusal_is_printed_without_control_characters() -> None:
    done = acci("import", "\u202enone", "--mapping", "none")
    assert done.returncode == 1
    assert "\\u202enone" in done.stderr
    assert done.stderr.rstrip("\n").isprintable()


def test_help_loads_nothing_heavy() -> None:
    program = f"import sys, acci.flows.cli; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_lists_commands() -> None:
    done = acci("--help")
    assert done.returncode == 0
    assert "up" in done.stdout


def test_version() -> None:
    assert acci("--version").stdout.startswith("acci 0.")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [("no-such-command", "no-such-command"), ("up --port many", "--port"), ("up --no-such-option", "--no-such-option")],
)
def test_wrong_usage_is_explained_and_exits_2(arguments: str, named: str) -> None:
    done = acci(*arguments.split())
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refusal_is_one_sentence_and_exits_1(tmp_path: Path) -> None:
    done = acci("status", ACCI_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("acci: There is no database")
    assert done.stderr.count("\n") == 1


def test_with_json_a_refusal_is_json(tmp_path: Path) -> None:
    done = acci("status", "--json", ACCI_HOME=str(tmp_path))
    assert done.returncode == 1
    refusal = json.loads(done.stderr)
    assert refusal["type"] == "NoDatabase"
    assert "acci up" in refusal["error"]


@pytest.mark.parametrize("group", ["", "run", "dead-letters", "reactions", "reactions dead-letters"])
def test_no_commands_description_is_cut(group: str) -> None:
    shown = acci(*group.split(), "--help", COLUMNS="80").stdout.partition("Commands:")[2].splitlines()
    assert [line for line in shown if line.endswith(("...", "…"))] == []


@pytest.mark.parametrize("command", ["backfill", "audit", "repair"])
def test_help_says_how_a_key_is_given(command: str) -> None:
    assert """--key '["t1", "ann"]'""" in " ".join(acci("run", command, "--help", COLUMNS="80").stdout.split())
