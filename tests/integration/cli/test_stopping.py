"""A command that runs until it is stopped ends well by SIGTERM, with which supervisors and containers stop it."""

import os
import signal
import subprocess

import pytest

from tests.support.shell import acci, command, refusal


@pytest.mark.parametrize("words", ["metrics --serve 0", "follow"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_it_ends_well(words: str, number: signal.Signals, database_url: str) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # of `nohup make test` the command would inherit that it is ignored
    try:
        running = subprocess.Popen(
            command(words.split()),
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"ACCI_DATABASE_URL": database_url},
        )
    finally:
        signal.signal(number, before)
    try:
        assert running.stderr is not None
        assert "Ctrl-C ends it" in running.stderr.readline()
        running.send_signal(number)
        assert running.communicate(timeout=60)[1].strip().endswith("Ended.")
        assert running.returncode == 0
    finally:
        running.kill()
        running.wait()


def test_a_worker_without_a_prefect_server_is_refused() -> None:
    assert "There is no Prefect server" in refusal(acci("worker"))
