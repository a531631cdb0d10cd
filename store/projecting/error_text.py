"""Error texts: why something could not be applied, as it is kept and shown.

A message of PostgreSQL or of a rule may contain values of the event. Where those may be personal, only the kind of
error and its place are kept: reasons are stored in dead letters, findings and artifacts, which are not encrypted.
"""

from pathlib import Path
from traceback import extract_tb

from psycopg import Error

from acci.store.postgres.refusals import first_line
from acci.store.projecting.ranges import PoisonEvent

LEFT_OUT = "its text is left out, since personal data may be in it"


def reason(error: BaseException, personal: bool) -> str:
    """The error on one line; if `personal`, without its message, which may contain values."""
    if not personal or (isinstance(error, PoisonEvent) and error.__cause__ is None):
        return first_line(error)
    return kind_of(error.__cause__ if isinstance(error, PoisonEvent) and error.__cause__ else error)


def kind_of(error: BaseException) -> str:
    """What kind of error, and where: the constraint or column, or the line of the program."""
    if isinstance(error, Error):
        of = error.diag.constraint_name or error.diag.column_name
        where = f" of {of}" if of else f" ({error.sqlstate})"
    else:
        frames = extract_tb(error.__traceback__)
        where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}; {LEFT_OUT}"
