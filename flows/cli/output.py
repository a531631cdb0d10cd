"""Standard output: prints any character; a failed write becomes an error with a sentence, not a traceback."""

import io
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from acci.domain.errors import AcciError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class NoOutput(AcciError):
    """Standard output takes nothing, or nothing more; `problem` is what the system says."""

    problem: str

    sentence = "Standard output cannot be written: {problem}. Give it a pipe, a terminal or a file with room."


class _Output(io.FileIO):
    """A file that raises only its first write error; what is still buffered then is dropped, also at exit."""

    _refused = False

    def write(self, data: "ReadableBuffer") -> int:
        if self._refused:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except OSError as error:
            self._refused = True
            if isinstance(error, BrokenPipeError):  # the reader has closed the pipe
                raise
            raise NoOutput(f"{error.strerror or type(error).__name__}; what was done before stays done") from error


def open_output() -> None:
    """Let `sys.stdout` escape characters that its encoding lacks, and raise `NoOutput`, at once if it is closed."""
    if sys.stdout is None:
        raise NoOutput("it is closed; nothing was done")
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):  # not if a test replaced it
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Output(sys.stdout.fileno(), "w", closefd=False)),
            encoding=sys.stdout.encoding,
            errors="backslashreplace",
            line_buffering=sys.stdout.line_buffering,
        )


def finish_output() -> None:
    """Print what is still in buffers. Raises `NoOutput`."""
    if sys.stdout is not None:
        with suppress(BrokenPipeError):
            sys.stdout.flush()
