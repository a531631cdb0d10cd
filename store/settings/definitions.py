"""Every setting: its names, what it may be, and what holds without it. `docs/reference/settings.md` explains them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acci.store.settings.project import CHECKOUT
from acci.store.settings.values import (
    ADDRESS,
    COUNT,
    DASK,
    LOG_FORMAT,
    NAMES,
    PAIRS,
    PATH,
    SECONDS,
    TEXT,
    TOPICS,
    YES_OR_NO,
    Kind,
)

HOME = ".acci"
OWN_DEPLOYMENTS = "prefect.yaml"
DEFAULT_CONTEXTS = ("acci.domain.users",)


@dataclass(frozen=True)
class Setting:
    """One setting.

    field: its name in `Settings` or `Limits`.
    variable: that in the environment; empty: it is no variable.
    kind: what its value may be.
    default: the value without it, for the project's folder (None: ACCI's own checkout).
    in_file: whether `[tool.acci]` may have it. A secret may not.
    """

    field: str
    variable: str
    kind: Kind = TEXT
    default: Callable[[Path | None], object] = lambda _: None
    in_file: bool = True
    secret: bool = False

    @property
    def key(self) -> str:
        """Its name in `[tool.acci]`."""
        return (self.variable.removeprefix("ACCI_") or self.field).lower().replace("_", "-")


def default_home(project: Path | None) -> Path:
    """The home that nobody chose."""
    return (project or CHECKOUT) / HOME


def _own_deployments(project: Path | None) -> Path | None:
    return project / OWN_DEPLOYMENTS if project and (project / OWN_DEPLOYMENTS).is_file() else None


OF_SETTINGS = (
    Setting("database_url", "ACCI_DATABASE_URL", ADDRESS),
    Setting("direct_url", "ACCI_DIRECT_URL", ADDRESS),
    Setting("read_url", "ACCI_READ_URL", ADDRESS),
    Setting("read_lag", "ACCI_READ_LAG", SECONDS, lambda _: 10.0),
    Setting("contexts", "ACCI_CONTEXTS", NAMES, lambda _: DEFAULT_CONTEXTS),
    Setting("home", "ACCI_HOME", PATH, default_home),
    Setting("unique_event_ids", "ACCI_UNIQUE_EVENT_IDS", YES_OR_NO),
    Setting("keys_url", "ACCI_KEYS_URL", ADDRESS),
    Setting("master_key", "ACCI_MASTER_KEY", default=lambda _: "", secret=True),
    Setting("prefect_api_url", "PREFECT_API_URL", ADDRESS),
    Setting("prefect_login", "PREFECT_API_AUTH_STRING", secret=True),
    Setting("prefect_key", "PREFECT_API_KEY", secret=True),
    Setting("prefect_prefix", "ACCI_PREFECT_PREFIX", default=lambda _: ""),
    Setting("prefect_file", "ACCI_PREFECT_FILE", PATH, _own_deployments),
    Setting("schedules", "", PAIRS, lambda _: ()),
    Setting("react_after_promotion", "ACCI_REACT_AFTER_PROMOTION", YES_OR_NO, lambda _: False),
    Setting("topics", "ACCI_TOPICS", TOPICS, lambda _: ()),
    Setting("timeout_seconds", "ACCI_TIMEOUT_SECONDS", SECONDS, in_file=False),
    Setting("dask", "ACCI_DASK", DASK),
    Setting("log_format", "ACCI_LOG_FORMAT", LOG_FORMAT, lambda _: "text"),
)
OF_LIMITS = (
    Setting("pool_size", "ACCI_POOL_SIZE", COUNT, lambda _: 10),
    Setting("pool_wait", "ACCI_POOL_WAIT", SECONDS, lambda _: 30.0),
    Setting("statement_timeout", "ACCI_STATEMENT_TIMEOUT", SECONDS),
    Setting("lock_timeout", "ACCI_LOCK_TIMEOUT", SECONDS),
)
SETTINGS = OF_SETTINGS + OF_LIMITS
