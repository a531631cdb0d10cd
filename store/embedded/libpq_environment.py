"""PGSERVICE, PGHOSTADDR, PGSSLMODE …: what a shell says of a PostgreSQL of one's own is not meant for the embedded one.

An address cannot keep them out: what it leaves open, PostgreSQL's client library takes from them.
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
