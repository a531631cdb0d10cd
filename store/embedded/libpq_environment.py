"""PGSERVICE, PGHOSTADDR, PGSSLMODE …: variables of the shell that must not redirect connections to the embedded server.

A URL cannot override them all: libpq takes from them what the URL does not say.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


def without(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without them."""
    return {name: value for name, value in environment.items() if not name.startswith("PG")}


def forget() -> None:
    """Afterwards this process, and what it starts, has none of them."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


@contextmanager
def ignored() -> Iterator[None]:
    """Inside, there are none of them."""
    before = dict(os.environ)
    forget()
    try:
        yield
    finally:
        os.environ.update(before)
