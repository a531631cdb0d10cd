"""How many appends a second 32 connections do, beside a bare prepared single-row INSERT into the same table.

`measure(database_url)` returns rows; the second row's ratio is the promise: at least 0.8. Both are driven the same way,
by pgbench, in turns, each append and each INSERT for a stream of its own.
"""

import re
import statistics
import subprocess
import tempfile
from pathlib import Path

from store.appending import array
from store.embedded import _programs
from store.statements import sql
from tests.bench.rows import Row

CLIENTS, SECONDS, TURNS = 32, 4, 5

STREAM = "\\set aggregate_id random(1, 9000000000000000)\n"
BARE = """
    INSERT INTO acci.events ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id,
                             event_type, data, metadata)
    VALUES (:timestamp, :id, :version, :schema_version, :tenant_id, :aggregate_type, :aggregate_id, :event_type,
            :datum, :about)
    RETURNING position, recorded_at;
"""
ID = "7d0a5d0e-0a5b-4c5e-9d3c-2f1e3a4b5c6d"
MOMENT = "2026-11-23T12:00:00+00:00"
DATA = '{"email": "ann@example.com", "name": "Ann Example"}'
METADATA = f'{{"tenant_id": "tenant-1", "correlation_id": "{ID}", "causation_id": "{ID}", "user_id": "admin"}}'


def measure(database_url: str) -> list[Row]:
    """Turn by turn, so that what else the machine does meets both; medians of the turns."""
    with tempfile.TemporaryDirectory() as folder:
        bare, append = Path(folder) / "bare.sql", Path(folder) / "append.sql"
        bare.write_text(STREAM + BARE)
        append.write_text(STREAM + _for_pgbench(sql("events/append")))
        rates: dict[Path, list[float]] = {bare: [], append: []}
        for _ in range(TURNS):
            for script, found in rates.items():
                found.append(_rate(database_url, script))
    in_bare, in_append = (statistics.median(found) for found in rates.values())
    return [
        Row(f"bare prepared INSERT, {CLIENTS} connections, median", in_bare, "1/s"),
        Row(f"append, {CLIENTS} connections, median", in_append, "1/s", in_append / in_bare, "≥ 0.8"),
    ]


def _for_pgbench(statement: str) -> str:
    """The statement with pgbench's variables for parameters; a plain append has no command."""
    return re.sub(r"%\((\w+)\)s", r":\1", re.sub(r"%\(command_\w+\)s", "NULL", statement))


def _rate(database_url: str, script: Path) -> float:
    variables = {
        "tenant_id": "tenant-1",
        "aggregate_type": "User",
        "version": "1",
        "schema_version": "1",
        "event_type": "UserCreated",
        "expected_version": "0",
        "timestamp": MOMENT,
        "id": ID,
        "datum": DATA,
        "about": METADATA,
        "timestamps": array([MOMENT]),
        "ids": array([ID]),
        "schema_versions": array(["1"]),
        "event_types": array(["UserCreated"]),
        "data": array([DATA]),
        "metadata": array([METADATA]),
    }
    given = [argument for name, value in variables.items() for argument in ("-D", f"{name}={value}")]
    how = ["-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(SECONDS)]
    command: list[str | Path] = [_programs() / "pgbench", *how, *given, "-f", script, database_url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if found is None:
        raise RuntimeError(done.stdout + done.stderr)
    return float(found[1])
