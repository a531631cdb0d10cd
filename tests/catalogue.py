"""Writes what the migrations make to where audits compare with it: `make catalogue`, after adding a migration."""

import json
import tempfile
from pathlib import Path

from acci.store.auditing.schema import FILE, described
from acci.store.postgres.database import connect
from tests.support.servers import SharedServer


def spelled(made: dict[str, str]) -> str:
    """One object or right a line, so that two migrations seldom meet."""
    return json.dumps(made, indent=0, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the server may run as another user
        server = SharedServer(Path(folder) / "server")
        server.start()
        try:
            with server.database() as url, connect(url, "catalogue") as connection:
                FILE.write_text(spelled(described(connection)), encoding="utf-8")
        finally:
            server.remove()
