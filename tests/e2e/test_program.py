"""A Prefect command as a child process: its error when it fails, and when it is restarted."""

import os
from pathlib import Path

import pytest

from acci.flows.local.process import MAX_QUICK_EXITS, Program
from acci.store.embedded.ports import ServerDidNotStart
from tests.support.prefect_server import wait_for


def test_the_last_output_of_a_failed_program_is_the_reason(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "wrong.log"
    program = Program("the program", ["no-such-command"], log, os.environ | {"PREFECT_HOME": str(tmp_path)})
    program.start()
    with pytest.raises(ServerDidNotStart, match=r"^The program did not start: .*no-such-command.*wrong\.log\)$"):
        program.finish(60)


def test_a_program_that_keeps_ending_is_given_up(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "wrong.log"
    program = Program("the program", ["no-such-command"], log, os.environ | {"PREFECT_HOME": str(tmp_path)})
    program.start()
    for _ in range(MAX_QUICK_EXITS - 1):
        wait_for(program.keep, 60, "it has ended")
    with pytest.raises(ServerDidNotStart):
        wait_for(program.keep, 60, "it has ended")


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "slow.log"
    program = Program("the program", ["version"], log, os.environ | {"PREFECT_HOME": str(tmp_path)})
    program.start()
    with pytest.raises(ServerDidNotStart, match="not done after 0 s"):
        program.finish(0)
    program.stop(5)
