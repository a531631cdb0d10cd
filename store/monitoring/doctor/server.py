"""The PostgreSQL server: its version, and settings on which safety and people's data depend."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from acci.store.monitoring.doctor.diagnosis import Diagnosis, Verdict, refused, warning, well
from acci.store.monitoring.doctor.situation import Situation
from acci.store.postgres.database import Connection
from acci.store.postgres.migrations import OLDEST, NotUnicode, ServerTooOld
from acci.store.postgres.statements import sql

RELOAD = "SELECT pg_reload_conf();"
OF_THE_LOGIN = "ALTER ROLE {login} SET {name} = 0; for logins of flows. Applications have ACCI_STATEMENT_TIMEOUT."


@dataclass(frozen=True)
class Wanted:
    """A setting of the server: the value that is right, or what says that it is, and why; how a wrong one is mended."""

    name: str
    right: str | Callable[[str], bool]
    verdict: Verdict
    why: str
    remedy: str = "ALTER SYSTEM SET {name} = {right}; " + RELOAD

    def holds(self, value: str) -> bool:
        """Whether the value is right."""
        return value == self.right if isinstance(self.right, str) else self.right(value)


WANTED = (
    Wanted("fsync", "on", Verdict.WRONG, "if the machine crashes, the database may be damaged beyond repair"),
    Wanted(
        "full_page_writes",
        "on",
        Verdict.WARNING,
        "if the machine crashes, pages may be left half written, unless the file system prevents that",
    ),
    Wanted(
        "synchronous_commit",
        lambda value: value != "off",
        Verdict.WARNING,
        "if the server crashes, commands that were acknowledged in the last second may be lost",
        f"ALTER SYSTEM SET synchronous_commit = on; {RELOAD}",
    ),
    Wanted(
        "idle_in_transaction_session_timeout",
        lambda value: value != "0",
        Verdict.WARNING,
        "a forgotten transaction that appended holds up every read model without end",
        f"ALTER SYSTEM SET idle_in_transaction_session_timeout = '15min'; {RELOAD}",
    ),
    Wanted(
        "statement_timeout", "0", Verdict.WARNING, "it ends rebuilds, backfills and audits, too", OF_THE_LOGIN
    ),
    Wanted(
        "transaction_timeout", "0", Verdict.WARNING, "it ends rebuilds, backfills and audits, too", OF_THE_LOGIN
    ),
    Wanted(
        "idle_session_timeout",
        "0",
        Verdict.WARNING,
        "it ends sessions that hold a lock while they wait",
        "ALTER ROLE {login} SET idle_session_timeout = 0;",
    ),
)  # fmt: skip
# The server's log is out of reach of `acci erase`.
QUIET = {
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}


def version(connection: Connection, _: Situation) -> Iterator[Diagnosis]:
    """It is one that ACCI works with, and the database has UTF8."""
    number, encoding = connection.info.server_version // 10_000, connection.info.parameter_status("server_encoding")
    if number < OLDEST:
        yield refused("server", ServerTooOld(number))
    elif encoding != "UTF8":
        yield refused("server", NotUnicode(str(encoding)))
    else:
        said = f"PostgreSQL {connection.info.parameter_status('server_version')}, the database in {encoding}."
        yield well("server", said)


def settings(connection: Connection, situation: Situation) -> Iterator[Diagnosis]:
    """What a new session of this login has. A line for each setting that is not right, else one for all."""
    names = [wanted.name for wanted in WANTED]
    found: dict[str, str] = dict(connection.execute(sql("monitoring/doctor:settings"), {"names": names}).fetchall())
    bad = [wanted for wanted in WANTED if wanted.name in found and not wanted.holds(found[wanted.name])]
    for wanted in bad:
        remedy = wanted.remedy.format(name=wanted.name, right=wanted.right, login=situation.login)
        said = f"{wanted.name} is {found[wanted.name]}: {wanted.why}."
        yield Diagnosis(wanted.name, wanted.verdict, said, remedy)
    if not bad:
        yield well("server settings", f"{', '.join(names[:-1])} and {names[-1]} are right.")


def log(connection: Connection, _: Situation) -> Iterator[Diagnosis]:
    """The server's log does not collect people's data."""
    found = dict(connection.execute(sql("monitoring/doctor:settings"), {"names": [*QUIET]}).fetchall())
    loud = {name: value for name, value in QUIET.items() if found.get(name, value) != value}
    if loud:
        said = "Errors in the server's log may name rows, values and statements, which `acci erase` cannot reach."
        changes = " ".join(f"ALTER SYSTEM SET {name} = {value};" for name, value in loud.items())
        yield warning("server log", said, f"{changes} {RELOAD}")
    else:
        yield well("server log", "Errors in it name neither rows nor statements.")
