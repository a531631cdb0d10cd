"""Appends as SQL alone, driven by pgbench: the statement of ACCI, and a bare INSERT of the same event."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from acci.store.embedded.programs import programs
from acci.store.postgres.statements import sql

STREAM = "\\set aggregate_id random(1, 9000000000000000)\n"
INSERT = """
    INSERT INTO acci.events ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
                             event_type, data, metadata)
    VALUES (:timestamp, :id, :version, :schema_version, :tenant_id, :aggregate_type, :aggregate_id, :event_type,
            :data, :metadata)
    RETURNING position, recorded_at;
"""
ID = "7d0a5d0e-0a5b-4c5e-9d3c-2f1e3a4b5c6d"
VARIABLES = {
    "tenant_id": "tenant-1",
    "aggregate_type": "User",
    "version": "1",
    "schema_version": "1",
    "event_type": "UserCreated",
    "expected_version": "0",
    "timestamp": "2026-11-23T12:00:00+00:00",
    "id": ID,
    "data": '{"email": "ann@example.com", "name": "Ann Example"}',
    "metadata": f'{{"tenant_id": "tenant-1", "correlation_id": "{ID}", "causation_id": "{ID}", "user_id": "admin"}}',
}


class Driven(NamedTuple):
    """Transactions a second, and the seconds that each took."""

    rate: float
    seconds: list[float]


def bare() -> str:
    """A script: one bare prepared INSERT for a stream of its own."""
    return STREAM + INSERT


def append() -> str:
    """A script: one append to a stream of its own, without a command."""
    return STREAM + re.sub(r"%\((\w+)\)s", r":\1", sql("log/append:event"))


def drive(url: str, script: str, clients: int, seconds: float) -> Driven:
    """Run the script from so many connections for so long, each as fast as it can."""
    with _running(url, script, ["-c", str(clients), "-T", str(max(1, round(seconds)))], log=True) as (process, folder):
        said, complaint = process.communicate()
        found = re.search(r"tps = ([\d.]+)", said)
        if process.returncode or found is None:
            raise RuntimeError(said + complaint)
        taken = [int(line.split()[2]) / 1e6 for log in folder.glob("log.*") for line in log.read_text().splitlines()]
    return Driven(float(found[1]), taken)


@contextmanager
def load(url: str, script: str, clients: int, rate: float, seconds: float) -> Iterator[None]:
    """Within, the script runs about so many times a second, at moments that fall by chance."""
    how = ["-c", str(clients), "-R", f"{rate:g}", "-T", str(round(seconds))]
    with _running(url, script, how, log=False) as (process, _):
        try:
            yield
        finally:
            process.terminate()
            process.communicate()


@contextmanager
def _running(url: str, script: str, how: list[str], log: bool) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    with tempfile.TemporaryDirectory(prefix="acci-pgbench-") as name:
        folder = Path(name)
        (folder / "script.sql").write_text(script)
        given = [argument for name, value in VARIABLES.items() for argument in ("-D", f"{name}={value}")]
        logging = ["--log", f"--log-prefix={folder / 'log'}"] if log else []
        command = [
            str(programs() / "pgbench"), "-n", "-M", "prepared", "-j", "2", *how, *logging, *given,
            "-f", str(folder / "script.sql"), url,
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            yield process, folder
