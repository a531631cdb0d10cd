"""Logging of ACCI's programs: text for people, or one JSON object a line (ACCI_LOG_FORMAT)."""

import logging
import sys
import threading
from types import TracebackType

from acci.store.application.json_logs import JsonFormatter
from acci.store.settings import Settings

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FORMATTER = f"{JsonFormatter.__module__}.{JsonFormatter.__name__}"
# Prefect takes any key of its logging.yml from a variable.
OF_PREFECT = {
    "PREFECT_LOGGING_FORMATTERS_JSON_CLASS": FORMATTER,
    "PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER": "json",
    "PREFECT_LOGGING_HANDLERS_DEBUG_FORMATTER": "json",
}

log = logging.getLogger("acci")


def set_up(settings: Settings) -> None:
    """Afterwards warnings and errors that are logged in this process go to stderr, in the format of the settings.

    As JSON: what ACCI itself says too, and an exception that ends the process or a thread.
    """
    if settings.log_format != "json":
        logging.basicConfig(level=logging.WARNING, format=TEXT)
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.captureWarnings(capture=True)
    log.setLevel(logging.INFO)
    sys.excepthook = _log_the_end
    threading.excepthook = _log_a_threads_end


def are_json() -> bool:
    """Whether this process logs as JSON, by `set_up` or by Prefect."""
    return any(isinstance(handler.formatter, JsonFormatter) for handler in logging.getLogger().handlers)


def variables(settings: Settings) -> dict[str, str]:
    """The environment variables by which Prefect's own processes log in the format of the settings."""
    return OF_PREFECT if settings.log_format == "json" else {}


def _log_the_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("The program ends: %s", kind.__name__, exc_info=(kind, error, trace))


def _log_a_threads_end(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None:
        what = (ended.exc_type, ended.exc_value, ended.exc_traceback)
        log.critical("A thread ends: %s", ended.exc_type.__name__, exc_info=what)
