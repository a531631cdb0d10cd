"""What another program prints, as lines of JSON: those that it logs as they are, all others as what they say."""

import json
import logging
import sys
import threading
from typing import IO, Any

PATIENCE = 5.0  # seconds for the last lines, once the program has ended

log = logging.getLogger("acci.output")


class RelayedOutput:
    """Relays `printed` to stderr until it ends, from a thread."""

    def __init__(self, printed: IO[bytes]) -> None:
        self._printed = printed
        self._thread = threading.Thread(target=self._relay, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait for the last lines; a process that outlives the program may keep the pipe open."""
        self._thread.join(PATIENCE)

    def _relay(self) -> None:
        for raw in self._printed:
            line = raw.decode(errors="replace").rstrip()
            if logged(line) is not None:
                sys.stderr.write(f"{line}\n")
                sys.stderr.flush()
            elif line:
                log.info("%s", line)


def logged(line: str) -> dict[str, Any] | None:
    """The JSON object that the line is; None if it is none."""
    try:
        found = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
