"""Messages into a file, one line each: for trying out, and for tests that look at what would be sent."""

import os
from pathlib import Path

from acci.store.reacting.outgoing import Outgoing
from acci.store.reacting.senders.cloud_event import cloud_event
from acci.store.reacting.senders.sender import DeliveryFailed


class MessageFile:
    """A line of `path` is what a webhook would get, a CloudEvent in JSON. Only its owner may read the file.

    It is never shortened, and a machine that loses its power may lose its last lines.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, message: Outgoing) -> None:
        """Afterwards its line is in the file, behind all others. Raises `DeliveryFailed` if it cannot be written."""
        line = cloud_event(message) + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Each is one write at the end, so that lines of several threads and programs do not mix.
            opened = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                written = os.write(opened, line)
            finally:
                os.close(opened)
        except OSError as error:
            raise DeliveryFailed(f"{self._path} cannot be written ({error.strerror or type(error).__name__})") from None
        if written != len(line):
            raise DeliveryFailed(f"{self._path} took only a part of it: is its disk full?")
