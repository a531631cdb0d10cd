"""A command that runs until it is stopped ends well by SIGTERM, with which supervisors and containers stop it."""

import json
import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support.shell import acci, command, refusal


@pytest.mark.parametrize("words", ["metrics --serve 0", "follow", "react"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_it_ends_well(words: str, number: signal.Signals, database_url: str) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # of `nohup make test` the command would inherit that it is ignored
    try:
        running = subprocess.Popen(
            command(words.split()),
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.shipping"},
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


@pytest.mark.parametrize("words", ["metrics --serve 0", "follow", "serve --port 0"])
def test_what_it_says_can_be_json(words: str, database_url: str, tmp_path: Path) -> None:
    own = {"ACCI_DATABASE_URL": database_url, "ACCI_LOG_FORMAT": "json", "ACCI_HOME": str(tmp_path)}
    running = subprocess.Popen(
        command(words.split()), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | own
    )
    try:
        assert running.stderr is not None
        begun = json.loads(running.stderr.readline())
        assert (begun["level"], "Ctrl-C ends it" in begun["message"]) == ("INFO", True)
        if words.startswith("serve"):  # the socket takes requests before it is served
            at = begun["message"].partition("Serving at ")[2].partition(";")[0]
            assert httpx.get(f"{at}/livez", timeout=60).status_code == 200
        running.send_signal(signal.SIGTERM)
        said, more = running.communicate(timeout=60)
        assert [json.loads(line)["message"] for line in more.splitlines()][-1] == "Ended."
        assert (said, running.returncode) == ("", 0)
    finally:
        running.kill()
        running.wait()


def test_a_worker_without_a_prefect_server_is_refused() -> None:
    assert "There is no Prefect server" in refusal(acci("worker"))
