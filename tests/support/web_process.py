"""`acci serve` as a process of its own, that may be killed and started again at the same port."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.shell import CHECKOUT


class WebProcess:
    """`acci serve` on this database. `port` is 0 until it was started once."""

    def __init__(self, database_url: str, home: Path) -> None:
        self._environment = os.environ | {
            "ACCI_DATABASE_URL": database_url, "ACCI_HOME": str(home), "ACCI_CONTEXTS": "acci.domain.users",
        }  # fmt: skip
        self._home = home
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What every request needs."""
        token = (self._home / "web-token").read_text().strip()
        return {"Authorization": f"Bearer {token}", "X-Tenant-ID": "t1", "X-User-ID": "me"}

    def start(self) -> None:
        """Afterwards it listens."""
        command = [sys.executable, "-m", "acci.flows.cli", "serve", "--port", str(self.port)]
        self._process = subprocess.Popen(
            command, cwd=CHECKOUT, env=self._environment, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        said = self._process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", said)
        assert found, said
        self.port = int(found[1])

    def kill(self) -> None:
        """Afterwards it is gone, as by `kill -9`."""
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send the signal; the exit code, and what it said on stderr since it started."""
        assert self._process is not None
        self._process.send_signal(number)
        said = self._process.communicate(timeout=60)[1]
        return self._process.returncode, said
