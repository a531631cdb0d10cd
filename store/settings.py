"""Where ACCI finds its database, its domains and its home: from the environment only."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from acci.domain.errors import AcciError, DefinitionError

CHECKOUT = Path(__file__).resolve().parent.parent
DEFAULT_HOME = CHECKOUT / ".acci"
DEFAULT_CONTEXTS = ("acci.domain.users",)
LONGEST = 2_000_000  # seconds: what PostgreSQL takes as a time limit


class WrongSetting(AcciError):
    """An environment variable has a value that means nothing."""

    name: str
    value: str
    wanted: str

    sentence = "{name} is {value!r}: give it {wanted}, or unset it."


@dataclass(frozen=True)
class Limits:
    """How many connections an application's pool has, and how long it waits: seconds.

    None leaves it to the login and the server; for a lock that is waited for without any bound there, it means 10 s.

    pool_size: connections to the database at most (ACCI_POOL_SIZE).
    pool_wait: for one of them to become free (ACCI_POOL_WAIT).
    statement_timeout: for one statement of the pool (ACCI_STATEMENT_TIMEOUT).
    lock_timeout: for one lock of such a statement (ACCI_LOCK_TIMEOUT).
    """

    pool_size: int = 10
    pool_wait: float = 30.0
    statement_timeout: float | None = None
    lock_timeout: float | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Limits":
        """The limits as the environment has them now. Raises `WrongSetting`."""
        size = _number(environment, "ACCI_POOL_SIZE", "a whole number from 1 on", lambda n: n >= 1 and n == int(n))
        wait, statement, lock = (
            _number(environment, name, "a number of seconds from 0 on", lambda n: 0 <= n <= LONGEST)
            for name in ("ACCI_POOL_WAIT", "ACCI_STATEMENT_TIMEOUT", "ACCI_LOCK_TIMEOUT")
        )
        return cls(
            cls.pool_size if size is None else int(size), cls.pool_wait if wait is None else wait, statement, lock
        )


def _number(environment: Mapping[str, str], name: str, wanted: str, fits: Callable[[float], bool]) -> float | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or not fits(number):
        raise WrongSetting(name, text, wanted)
    return number


@dataclass(frozen=True)
class Settings:
    """The settings in the environment, read once when a process starts and passed on from there.

    database_url: the PostgreSQL to use (ACCI_DATABASE_URL), or None for the embedded server of this checkout.
    direct_url: the same database for flows and long work, past a pooler in transaction mode (ACCI_DIRECT_URL); None if
        nothing of the kind is in between.
    contexts: the modules whose CONTEXT is registered (ACCI_CONTEXTS, separated by commas).
    home: the folder of the embedded data, Prefect's home and the logs (ACCI_HOME).
    prefect_api_url: the Prefect server to use (PREFECT_API_URL), or None for that of the running `acci up`.
    prefect_login, prefect_key: what that server asks for: user:password (PREFECT_API_AUTH_STRING), or a key
        (PREFECT_API_KEY).
    prefect_prefix: what the names of this database's objects on a Prefect server begin with (ACCI_PREFECT_PREFIX).
    dask: where a rebuild's partitions run (ACCI_DASK): the address of a Dask scheduler, or a number of worker processes
        to start on this machine; None for threads of the run's own process.
    keys_url: the database of the keys of personal data (ACCI_KEYS_URL), or None for one beside the embedded server's.
    master_key: what these keys are wrapped with (ACCI_MASTER_KEY, 32 bytes in base64); empty: they are not.
    limits: of an application's connections.
    unique_event_ids: whether `acci migrate` makes a unique index on event ids, or drops it (ACCI_UNIQUE_EVENT_IDS, yes
        or no); None leaves it as it is.
    """

    database_url: str | None = field(repr=False)  # it may hold a password
    contexts: tuple[str, ...]
    home: Path
    prefect_api_url: str | None
    dask: str | None = None
    keys_url: str | None = field(default=None, repr=False)
    master_key: str = field(default="", repr=False)
    prefect_login: str | None = field(default=None, repr=False)
    prefect_key: str | None = field(default=None, repr=False)
    prefect_prefix: str = ""
    direct_url: str | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)
    unique_event_ids: bool | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """The settings as the environment has them now; an empty variable counts as unset."""
        contexts = (name.strip() for name in environment.get("ACCI_CONTEXTS", "").split(","))
        home = environment.get("ACCI_HOME", "").strip()
        return cls(
            database_url=environment.get("ACCI_DATABASE_URL", "").strip() or None,
            contexts=tuple(dict.fromkeys(name for name in contexts if name)) or DEFAULT_CONTEXTS,
            home=Path(home).expanduser().resolve() if home else DEFAULT_HOME,
            prefect_api_url=environment.get("PREFECT_API_URL", "").strip() or None,
            prefect_login=environment.get("PREFECT_API_AUTH_STRING", "").strip() or None,
            prefect_key=environment.get("PREFECT_API_KEY", "").strip() or None,
            prefect_prefix=environment.get("ACCI_PREFECT_PREFIX", "").strip(),
            dask=environment.get("ACCI_DASK", "").strip() or None,
            keys_url=environment.get("ACCI_KEYS_URL", "").strip() or None,
            master_key=environment.get("ACCI_MASTER_KEY", "").strip(),
            direct_url=environment.get("ACCI_DIRECT_URL", "").strip() or None,
            limits=Limits.from_environment(environment),
            unique_event_ids=_yes_or_no("ACCI_UNIQUE_EVENT_IDS", environment),
        )


def _yes_or_no(name: str, environment: Mapping[str, str]) -> bool | None:
    said = environment.get(name, "").strip().lower()
    if said not in ("", "yes", "no"):
        raise DefinitionError(f"{name} is {said!r}", "it is yes or no; left out, what there is stays.")
    return {"yes": True, "no": False}.get(said)
