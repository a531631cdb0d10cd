"""The settings of a process, read once where it starts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from acci.store.settings.definitions import DEFAULT_CONTEXTS, OF_LIMITS, OF_SETTINGS
from acci.store.settings.limits import Limits
from acci.store.settings.sources import Sources
from acci.store.settings.topics import Topic, for_trying_out


@dataclass(frozen=True)
class Settings:
    """The settings in the environment, then in `[tool.acci]` of the project, read once when a process starts.

    database_url: the PostgreSQL to use (ACCI_DATABASE_URL), or None for the project's embedded server.
    direct_url: the same database for flows and long work, past a pooler in transaction mode (ACCI_DIRECT_URL); None if
        nothing of the kind is in between.
    read_url: a hot standby of the same database, for queries, history and audits (ACCI_READ_URL); None: there is none.
    read_lag: how many seconds it may be behind and still be read (ACCI_READ_LAG).
    contexts: the modules whose CONTEXT is registered (ACCI_CONTEXTS, separated by commas).
    home: the folder of the embedded data, Prefect's home and the logs (ACCI_HOME).
    prefect_api_url: the Prefect server to use (PREFECT_API_URL), or None for that of the running `acci up`.
    prefect_login, prefect_key: what that server asks for: user:password (PREFECT_API_AUTH_STRING), or a key
        (PREFECT_API_KEY).
    prefect_prefix: what the names of this database's objects on a Prefect server begin with (ACCI_PREFECT_PREFIX).
    prefect_file: the project's own deployments (ACCI_PREFECT_FILE), or None without any.
    schedules: pairs of a deployment's name and when it runs, where that is not as prefect.yaml says.
    dask: where a rebuild's partitions run (ACCI_DASK): the address of a Dask scheduler, or a number of worker processes
        to start on this machine; None for threads of the run's own process.
    keys_url: the database of the keys of personal data (ACCI_KEYS_URL), or None for one beside the embedded server's.
    master_key: what these keys are wrapped with (ACCI_MASTER_KEY, 32 bytes in base64); empty: they are not.
    limits: of an application's connections.
    unique_event_ids: whether `acci migrate` makes a unique index on event ids, or drops it (ACCI_UNIQUE_EVENT_IDS, yes
        or no); None leaves it as it is.
    react_after_promotion: whether reactions go on once a standby was promoted (ACCI_REACT_AFTER_PROMOTION, yes or no);
        else they are paused then.
    topics: where the messages of each topic go (ACCI_TOPICS, JSON); `*` is any other. While ACCI is tried out, with its
        embedded server or its own example, that is a file in `home` unless it is set: nothing leaves the machine.
    timeout_seconds: how long the run of this process may take (ACCI_TIMEOUT_SECONDS); None: without an end.
    log_format: how ACCI's programs log (ACCI_LOG_FORMAT): text, or json, one object a line.
    project: the folder of the project (ACCI_PROJECT names another); None in ACCI's own checkout.
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
    read_url: str | None = field(default=None, repr=False)
    read_lag: float = 10.0
    limits: Limits = field(default_factory=Limits)
    unique_event_ids: bool | None = None
    prefect_file: Path | None = None
    schedules: tuple[tuple[str, str], ...] = ()
    react_after_promotion: bool = False
    topics: tuple[tuple[str, Topic], ...] = ()
    timeout_seconds: float | None = None
    log_format: str = "text"
    project: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """The settings as the environment and the project have them now; an empty variable counts as unset.

        Raises `UnusableProject`, `UnknownSetting`, `SecretInFile`, `WrongSetting`.
        """
        sources = Sources(environment)
        limits = Limits(**cast("dict[str, Any]", sources.values(OF_LIMITS)))
        found = cls(**cast("dict[str, Any]", sources.values(OF_SETTINGS)), limits=limits, project=sources.project)
        if found.database_url is None or found.contexts == DEFAULT_CONTEXTS:
            return replace(found, topics=for_trying_out(found.topics, found.home))
        return found
