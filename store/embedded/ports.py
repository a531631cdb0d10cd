"""To start a server here: find a free port, and recognise a process although its number may be reused."""

import os
import socket
import subprocess
from pathlib import Path

from acci.domain.errors import AcciError
from acci.store.extras import needs

HOST = "127.0.0.1"


class PortTaken(AcciError):
    """Another program listens on the port that `what` should use."""

    what: str
    port: int
    option: str

    sentence = (
        "Port {port} is taken by another program, so {what} cannot start on it: "
        "end that program, or choose another port with {option}."
    )


class ServerDidNotStart(AcciError):
    """The server ended, or did not answer in time; `reason` is what it said last, `log` holds all of it."""

    what: str
    reason: str
    log: str

    def __str__(self) -> str:
        return f"{_capital(self.what)} did not start: {self.reason} (its log: {self.log})"


class ServerDidNotStop(AcciError):
    """The server still runs although it was told to stop."""

    what: str
    log: str

    def __str__(self) -> str:
        return f"{_capital(self.what)} was told to stop and still runs; see its log: {self.log}"


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port on which no program listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def command_line(pid: int) -> str:
    """The command line of the process `pid`; empty if there is none. Process numbers are reused."""
    if not Path("/proc/self/cmdline").exists():
        ps = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
        return subprocess.run(ps, capture_output=True, text=True, check=False).stdout.strip()
    try:
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")).strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_alive(pid: int) -> bool:
    """Whether the process `pid` runs. A zombie counts as ended."""
    with needs("embedded"):
        import psutil

    try:
        return str(psutil.Process(pid).status()) != "zombie"
    except psutil.NoSuchProcess:
        return False


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
