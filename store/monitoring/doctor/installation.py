"""What is installed on this machine."""

import platform
from collections.abc import Iterator
from importlib.metadata import version

from psycopg import pq

from acci.store.extras import EXTRAS, MissingExtra, require
from acci.store.monitoring.doctor.diagnosis import Diagnosis, refused, warning, well
from acci.store.settings import Settings
from acci.store.telemetry import exporters


def versions(_: Settings) -> Iterator[Diagnosis]:
    """Of Python, ACCI and the driver of PostgreSQL."""
    driver = f"psycopg {version('psycopg')} ({pq.__impl__}, libpq {pq.version() // 10_000}.{pq.version() % 10_000})"
    yield well("versions", f"ACCI {version('acci')}, Python {platform.python_version()}, {driver}.")


def extras(settings: Settings) -> Iterator[Diagnosis]:
    """Which extras are installed, and whether the settings ask for one that is not."""
    missing = missing_extras()
    installed = [extra for extra in EXTRAS if extra not in missing]
    said = f"Installed: {', '.join(installed) or 'none'}."
    if missing:
        said += f" Not installed: {', '.join(missing)}; `pip install 'acci[NAME]'` brings one."
    yield well("extras", said)
    asked = {
        "dask": settings.dask is not None,
        "embedded": settings.database_url is None,
        "encryption": settings.keys_url is not None or bool(settings.master_key),
        "flows": settings.prefect_api_url is not None,
    }
    yield from (refused(f"extra {extra}", error) for extra, error in missing.items() if asked.get(extra))
    if exporters() and "tracing" in missing:
        said = "The environment asks for traces, and there are none: OpenTelemetry is not installed."
        yield warning("extra tracing", said, "pip install 'acci[tracing]'")


def missing_extras() -> dict[str, MissingExtra]:
    """The extras that are not installed, or not as a whole. Imports none of them."""
    found = {}
    for extra in EXTRAS:
        try:
            require(extra)
        except MissingExtra as error:
            found[extra] = error
    return found
