"""Threads that keys are sent by, shared so that a topic whose receiver is slow holds up no other."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from acci.store.reacting.outbox import Taken
from acci.store.reacting.sending import Sent


@dataclass(frozen=True, slots=True)
class Waiting:
    """A key that was taken: by which route its next row goes, when its lease ends, since when it waits (monotonic)."""

    taken: Taken
    route: str
    ends: float
    since: float


class Lanes:
    """Sends keys in the order that they come, by `threads`, of which one route has half at most."""

    def __init__(self, threads: int, send: Callable[[Waiting], Sent]) -> None:
        self._send, self._at_once = send, max(1, threads // 2)
        self._threads = ThreadPoolExecutor(threads, "acci-deliver")
        self._lock = threading.Lock()
        self._waiting: list[Waiting] = []
        self._running: Counter[str] = Counter()  # by route
        self._sent: queue.SimpleQueue[Sent] = queue.SimpleQueue()

    def __len__(self) -> int:
        """How many keys wait, are being sent, or were and are not collected."""
        with self._lock:
            return len(self._waiting) + self._running.total() + self._sent.qsize()

    def add(self, keys: Iterable[Waiting]) -> None:
        """Afterwards they are sent, or wait for their turn."""
        with self._lock:
            self._waiting.extend(keys)
            self._start()

    def withdraw(self, since: float) -> list[Waiting]:
        """Those that wait since then or longer, which do so no more."""
        with self._lock:
            old = [each for each in self._waiting if each.since <= since]
            self._waiting = [each for each in self._waiting if each.since > since]
        return old

    def collect(self, patience: float, together: float) -> list[Sent]:
        """What has been sent meanwhile; the first is waited for, and then what comes within `together` seconds."""
        found: list[Sent] = []
        with suppress(queue.Empty):
            found.append(self._sent.get(timeout=patience))
            time.sleep(together)
            while True:
                found.append(self._sent.get_nowait())
        return found

    def close(self) -> None:
        """Afterwards nothing is being sent."""
        self._threads.shutdown()

    def _start(self) -> None:
        """Begin what there are threads for; the lock is held."""
        kept: list[Waiting] = []
        for each in self._waiting:
            if self._running[each.route] < self._at_once:
                self._running[each.route] += 1
                self._threads.submit(self._run, each)
            else:
                kept.append(each)
        self._waiting = kept

    def _run(self, waiting: Waiting) -> None:
        sent = self._send(waiting)
        with self._lock:
            self._sent.put(sent)
            self._running[waiting.route] -= 1
            self._start()
