"""`make soak ARGS="--minutes 60"`: everything at work while clients, workers, connections and PostgreSQL are killed.

At the end a whole audit must be clean and the log contain exactly the acknowledged events; commands without an answer
are sent again with the same id. Exit code 1 otherwise.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psycopg

from acci.domain.errors import AcciError, Refused
from acci.store.auditing.findings import Severity
from acci.store.commands.handler import CommandHandler
from acci.store.embedded.server import EmbeddedServer
from acci.store.encryption.configured import key_store
from acci.store.generations import generations
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database, connect
from acci.store.postgres.migrations import migrate
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import load
from acci.store.settings import Settings
from tests.domains.people import command
from tests.soak.journal import entries
from tests.soak.working import CONTEXTS, findings, tell
from tests.support.histories import value

CREW = ("client", "client", "client", "project", "project", "rebuild", "audit")
KILLS = ("client", "client", "project", "rebuild", "audit", "connection", "connections", "PostgreSQL")

CUT = """
    SELECT pg_terminate_backend(pid) FROM (
        SELECT pid FROM pg_stat_activity
        WHERE application_name LIKE 'acci%%' AND pid <> pg_backend_pid() ORDER BY random() LIMIT %(most)s
    ) AS chosen
"""


class Soak:
    """The server, the crew, and what was done to them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.chance, self.kills = folder, random.Random(seed), Counter[str]()
        self.server = EmbeddedServer(folder / "postgres", folder / "postgres.log")
        self.url = self.server.start(port=0)
        migrate(self.url)
        os.environ["ACCI_KEYS_URL"] = self.server.create_database("acci_keys")
        self.crew: dict[int, tuple[str, subprocess.Popen[bytes]]] = {}
        self.started = 0
        for what in CREW:
            self.start(what)

    def start(self, what: str) -> None:
        self.started += 1
        with (self.folder / f"{what}.log").open("ab") as log:
            arguments = [sys.executable, "-m", "tests.soak.working", what, self.url, str(self.folder)]
            process = subprocess.Popen([*arguments, str(self.started)], stdout=log, stderr=log)
        self.crew[self.started] = (what, process)

    def kill(self) -> None:
        """Kill one of them, by lot, without warning; what was killed is started again."""
        what = self.chance.choice(KILLS)
        if what == "PostgreSQL":
            self.kill_server()
        elif what.startswith("connection"):
            with connect(self.url, "executioner") as connection:
                connection.execute(CUT, {"most": 1 if what == "connection" else 100})
        else:
            number, process = self.chance.choice([(n, p) for n, (name, p) in self.crew.items() if name == what])
            process.kill()
            process.wait()
            del self.crew[number]
            self.start(what)
        self.kills[what] += 1

    def kill_server(self) -> None:
        """`kill -9` of PostgreSQL, and its start, which replays the log."""
        pid = int((self.folder / "postgres" / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        port = int(self.url.rpartition("/")[0].rpartition(":")[2])
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while not self.is_started(port):
            if time.monotonic() > deadline:
                raise SystemExit("PostgreSQL did not start again within 60 s")
            time.sleep(0.3)

    def is_started(self, port: int) -> bool:
        """Whether the server could be started; not before all its children have noticed that it was killed."""
        try:
            self.server.start(port=port)
        except AcciError:
            return False
        return True

    def require_alive(self) -> None:
        """Nobody may have ended but those that were killed."""
        for what, process in self.crew.values():
            if process.poll() is not None:
                said = (self.folder / f"{what}.log").read_text(errors="replace")
                raise SystemExit(f"{what} ended by itself with {process.returncode}:\n{said[-3000:]}")

    def stop(self) -> None:
        for _, process in self.crew.values():
            process.kill()
            process.wait()


def settle(soak: Soak) -> tuple[int, int, int]:
    """Resend unanswered commands; how many events were acknowledged by now, commands sent, and commands resent."""
    catalogue, acknowledged, commands, asked = load(CONTEXTS), 0, 0, 0
    with Database(soak.url, 2, "append", keys=key_store(Settings.from_environment())) as database:
        handler = CommandHandler(EventStore(database, catalogue), catalogue)
        for entry in entries(soak.folder):
            commands += 1
            if entry.acknowledged is None:
                asked += 1
                with suppress(Refused):
                    acknowledged += len(handler.handle(command(entry.data, entry.tenant, entry.id)))
            else:
                acknowledged += entry.acknowledged
    return acknowledged, commands, asked


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=12.0, help="seconds between kills")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL does not run as root
        soak = Soak(folder, chosen.seed)
        tell(f"seed {chosen.seed}, {chosen.minutes:g} minutes, a kill every {chosen.every:g} s")
        end = time.monotonic() + 60 * chosen.minutes
        try:
            while time.monotonic() < end:
                time.sleep(min(chosen.every, max(0.0, end - time.monotonic())))
                soak.require_alive()
                soak.kill()
                tell(f"{time.strftime('%H:%M:%S')} {sum(soak.kills.values())} kills")
            soak.require_alive()
        finally:
            soak.stop()
        try:
            return report(soak)
        finally:
            soak.server.stop()


def report(soak: Soak) -> int:
    catalogue = load(CONTEXTS)
    acknowledged, commands, asked = settle(soak)
    with connect(soak.url, "soak", "administer", keys=key_store(Settings.from_environment())) as connection:
        for projection in catalogue.projections.values():
            if generations.live(connection, projection.name):
                catch_up(connection, catalogue, projection)
            if generations.building(connection, projection.name):  # its run was killed: rebuild again, which resumes it
                build.rebuild(connection, catalogue, projection)
        wrong = findings(connection, catalogue, Severity.INFO)
        stored = int(value(connection, "SELECT count(*) FROM acci.events"))
        distinct = int(value(connection, "SELECT count(DISTINCT id) FROM acci.events"))
        lost = int(value(connection, "SELECT count(*) FROM acci.dead_letters"))
    done = {name: _lines(soak.folder / f"{name}.log") for name in ("rebuild", "audit")}
    tell(f"kills: {sum(soak.kills.values())} ({', '.join(f'{n} {k}' for k, n in sorted(soak.kills.items()))})")
    tell(f"commands: {commands:,}, of which {asked:,} were not answered and asked for again")
    tell(f"events: acknowledged {acknowledged:,}, stored {stored:,}, distinct {distinct:,}; dead letters {lost}")
    tell(f"rebuilds: {done['rebuild']}, whole audits meanwhile: {done['audit']}")
    tell(f"the last audit: {len(wrong)} findings" + "".join(f"\n  {each}" for each in wrong[:20]))
    return 0 if acknowledged == stored == distinct and not wrong and not lost else 1


def _lines(log: Path) -> int:
    return len([line for line in log.read_text(errors="replace").split("\n") if line in {"rebuilt", "audited"}])


if __name__ == "__main__":
    with suppress(psycopg.OperationalError):
        sys.exit(main())
    sys.exit("the database was lost where nobody had killed it")
