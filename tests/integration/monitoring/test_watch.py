"""`acci watch` as a person sees it: in a terminal, until Ctrl-C."""

import os
import pty
import signal
import subprocess

from acci.store.postgres.database import connect
from acci.store.projecting.batches import catch_up
from acci.store.registry import load
from tests.support.shell import command


def read_until(terminal: int, wanted: str) -> str:
    """What the terminal shows until it shows `wanted`."""
    seen = ""
    while wanted not in seen:
        seen += os.read(terminal, 65_536).decode(errors="replace")
    return seen


def test_watch_shows_changes_until_ctrl_c(bank_url: str) -> None:
    catalogue = load(["tests.domains.bank"])
    terminal, far_end = pty.openpty()
    setting = {"ACCI_DATABASE_URL": bank_url, "ACCI_CONTEXTS": "tests.domains.bank", "COLUMNS": "200", "TERM": "xterm"}
    program, environment = command(["watch", "--interval", "0.1"]), os.environ | setting
    watching = subprocess.Popen(program, env=environment, stdin=far_end, stdout=far_end, stderr=far_end)
    os.close(far_end)
    try:
        assert "rate" in read_until(terminal, "accounts")
        with connect(bank_url, "test") as connection:
            connection.execute(
                """INSERT INTO acci.events
                    ("timestamp", id, version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata)
                SELECT now(), gen_random_uuid(), 1, 't', 'Nothing', n::text, 'NothingHappened', '{}', '{}'
                FROM generate_series(1, 777) AS n"""
            )
            read_until(terminal, " 777 events")  # events that each of them lags behind
            for projection in catalogue.projections.values():
                catch_up(connection, catalogue, projection)
            read_until(terminal, "/s")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 0
        assert "Traceback" not in os.read(terminal, 65_536).decode(errors="replace")
    finally:
        watching.kill()
        watching.wait()
        os.close(terminal)
