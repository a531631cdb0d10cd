"""The Prefect commands that ACCI runs: start, log, failed start, stop."""

import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from acci.flows.local.relayed_output import logged
from acci.store.embedded.log_files import open_log
from acci.store.embedded.ports import ServerDidNotStart

STEADY_AFTER_SECONDS = 20
MAX_QUICK_EXITS = 3  # in a row, each within STEADY_AFTER_SECONDS of its start: restarting does not help


class Program:
    """A Prefect command, in a session of its own: Ctrl-C in the terminal reaches it only through `stop`."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self._command = [sys.executable, "-P", "-m", "prefect", *arguments]
        self._log = log
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._quick_exits = 0
        self._said_before = 0

    def start(self) -> None:
        """Start it; its output is appended to its log."""
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(open_log(self._log), "ab") as log:  # noqa: PTH123  of an open file's number
            self._said_before = log.tell()
            self._process = subprocess.Popen(
                self._command,
                cwd=self._log.parent,  # there Prefect finds no settings, and Python no packages
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started = time.monotonic()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def check(self) -> None:
        """Raises ServerDidNotStart, with its last output, if it has ended."""
        if self._has_ended():
            raise self.failed(self._last_words())

    def finish(self, seconds: float) -> None:
        """Waits for a command that ends by itself; raises ServerDidNotStart if it fails or takes too long."""
        if self._process is not None:
            try:
                code = self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                raise self.failed(f"it was not done after {seconds:.0f} s") from None
            if code != 0:
                raise self.failed(self._last_words())

    def keep(self) -> bool:
        """Restarts it if it has ended; returns whether it had. Raises ServerDidNotStart if it keeps ending."""
        if not self._has_ended():
            return False
        was_quick = time.monotonic() - self._started < STEADY_AFTER_SECONDS
        self._quick_exits = self._quick_exits + 1 if was_quick else 0
        if self._quick_exits >= MAX_QUICK_EXITS:
            self.check()
        self.start()
        return True

    def stop(self, timeout: float) -> None:
        """Stop it: terminate and, after `timeout` seconds, kill it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def failed(self, reason: str) -> ServerDidNotStart:
        """The error that says why it did not start."""
        return ServerDidNotStart(self.name, reason, str(self._log))

    def _has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _last_words(self) -> str:
        """The last line that names an error, else the last non-empty line."""
        content = self._log.read_bytes()
        said = (content[self._said_before :] or content).decode(errors="replace")  # a large log was rotated meanwhile
        said = re.sub(r" *│\n│ *", " ", said)  # one sentence, wrapped by the box around it
        lines = [line.strip(" \t─│╭╮╰╯") for each in said.splitlines() for line in _said_by(each)]
        spoken = [line for line in lines if line] or ["it said nothing"]
        errors = [line for line in spoken if re.match(r"[\w.]*(Error|Exception): .", line)]
        return (errors or spoken)[-1]


def _said_by(line: str) -> list[str]:
    """The line; of one that was logged as JSON its message and its exception."""
    found = logged(line)
    if found is None:
        return [line]
    return [str(found.get("message", "")), *str(found.get("exception", "")).splitlines()]
