"""Progress bars: on stderr, removed when done, and only on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from acci.flows.cli.printing import console

Advance = Callable[[int, str], None]  # how much is done, and what is being done


@contextmanager
def bar(doing: str, total: int, *, is_bytes: bool = False) -> Iterator[Advance]:
    """Inside, a bar towards `total`, advanced by calling the yielded function."""
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = console(stderr=True)
    amount = DownloadColumn() if is_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda done, what: progress.update(task, completed=done, description=what)
