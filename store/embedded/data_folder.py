"""The embedded server's data: made once by initdb, with a password of its own."""

import secrets
import shutil
from pathlib import Path

from acci.store.embedded.account import Account
from acci.store.embedded.ports import ServerDidNotStart
from acci.store.embedded.programs import plainly_named
from acci.store.embedded.server_settings import NOT_DURABLE, TUNING

NAME = "the embedded PostgreSQL"
USER = "acci"
PATIENCE = 120  # seconds: a start after a crash first replays the log


def create_data(data: Path, password: Path, log: Path, *, durable: bool) -> None:
    """Afterwards `data` is a new server's, and `password` has that of its user. Raises `ServerDidNotStart`.

    Made in a folder beside, so that an interrupted initdb is never taken for data.
    """
    unfinished = data.with_name("data.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    account = Account.for_data(unfinished)
    unfinished.mkdir(mode=0o700)
    account.give(unfinished)
    password.unlink(missing_ok=True)
    password.touch(mode=0o600)
    password.write_text(secrets.token_hex(16) + "\n")
    account.give(password)
    tuning = TUNING if durable else TUNING | NOT_DURABLE
    arguments = [
        "-D", unfinished, "-U", USER, "--auth=scram-sha-256", f"--pwfile={password}",
        # Sorting and letter case of the server's own, the same on every machine.
        "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
        *(f"--set={name}={value}" for name, value in tuning.items()),
        *(() if durable else ("--no-sync",)),
    ]  # fmt: skip
    with plainly_named() as folder:
        done = account.run([folder / "initdb", *arguments], data.parent, PATIENCE)
    if done.returncode != 0:
        raise ServerDidNotStart(NAME, f"initdb failed: {cause(done.stdout)}", str(log))
    unfinished.rename(data)


def cause(said: str) -> str:
    """The line of a program's output that names the cause: the first FATAL or error one, else the last."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    causes = [line for line in lines if "FATAL" in line or "error:" in line]
    return (causes or lines[-1:] or [""])[0]
