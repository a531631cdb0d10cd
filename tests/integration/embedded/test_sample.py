"""The sample history: into an empty log, once, and only where a domain can make one up."""

import psycopg

from acci.flows.local.sample import EVENTS, fill_if_empty
from acci.store.settings import DEFAULT_CONTEXTS


def count(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        (number,) = connection.execute("SELECT count(*) FROM acci.events").fetchone() or (0,)
        return int(number)


def test_an_empty_log_is_filled_once(database_url: str) -> None:
    assert fill_if_empty(database_url, DEFAULT_CONTEXTS) == EVENTS
    assert fill_if_empty(database_url, DEFAULT_CONTEXTS) == 0
    assert count(database_url) == EVENTS


def test_a_domain_that_cannot_make_up_a_history_gets_none(database_url: str) -> None:
    assert fill_if_empty(database_url, ()) == 0
    assert count(database_url) == 0
