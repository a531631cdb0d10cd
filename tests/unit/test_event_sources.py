"""A statement reads its events from the source that its request names, and from nowhere else."""

import itertools

import pytest

from acci.domain.projections import Projection
from acci.domain.users.user_view import UserView
from acci.store.compiling import statements
from acci.store.compiling.event_source import EVENTS, event_source
from acci.store.compiling.request import Request
from acci.store.compiling.scope import Scope
from acci.store.generations.tables import ReadModel
from acci.store.testing.projected import assumed_columns
from tests.domains.bank.read_models import Accounts
from tests.domains.orders import DailySales, OrderTotals

SCOPES = [
    Scope(partitioned, skip_parked, only_keys, few_events)
    for partitioned, skip_parked, only_keys, few_events in itertools.product((False, True), repeat=4)
]


def texts(request: Request) -> list[str]:
    return [statements.apply(request), statements.gather(request), statements.affecting_positions(request)]


@pytest.mark.parametrize("projection", [UserView, Accounts, DailySales, OrderTotals])
def test_every_part_of_a_statement_reads_the_source(projection: type[Projection]) -> None:
    read_model = ReadModel("generation_1", projection.name, assumed_columns(projection, {}))
    for scope, table_is_empty in itertools.product(SCOPES, (False, True)):
        log, other = (
            Request(projection, read_model, events, scope, table_is_empty=table_is_empty)
            for events in (EVENTS, event_source("decrypted"))
        )
        for of_log, of_other in zip(texts(log), texts(other), strict=True):
            assert "acci.events" in of_log
            assert of_other == of_log.replace("acci.events", "decrypted")


def test_equal_requests_are_one_key() -> None:
    """An applier compiles each kind of span once."""
    read_model = ReadModel("generation_1", "user_view", assumed_columns(UserView, {}))
    one, same, other = (Request(UserView, read_model, scope=Scope(skip_parked=skip)) for skip in (False, False, True))
    assert len({one, same, other}) == 2
