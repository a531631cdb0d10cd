"""What is kept of a failed delivery: the reason, unless somebody's data may be in it."""

import time
from dataclasses import replace
from uuid import UUID

import pytest

from acci.domain.errors import Refused
from acci.store.postgres.errors import DatabaseLost
from acci.store.reacting.contents import COMMAND
from acci.store.reacting.outbox import Head, Taken
from acci.store.reacting.outgoing import Outgoing
from acci.store.reacting.routes import Routes
from acci.store.reacting.sending import Sent, send_rows
from tests.support.outboxes import outgoing


class Raises:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def send(self, _: Outgoing) -> None:
        raise self._error


def sent(error: Exception, is_personal: bool) -> Sent:
    row = replace(outgoing({"data": {}}, kind=COMMAND), is_personal=is_personal)
    taken = Taken(Head(row.reaction, row.tenant_id, row.key), UUID(int=1), 0, (row,))
    return send_rows(taken, Routes((), commands=Raises(error)), time.monotonic() + 60, lambda: False)


@pytest.mark.parametrize(("is_personal", "said"), [(False, True), (True, False)])
def test_a_refusal_is_quoted_only_where_nobodys_data_can_be_in_it(is_personal: bool, said: bool) -> None:
    (ending,) = sent(Refused("ann@example.com is taken."), is_personal).refused
    assert (ending.ended, "ann@example.com" in (ending.reason or "")) == ("refused", said)
    assert "Refused" in (ending.reason or "") or said


@pytest.mark.parametrize(("is_personal", "said"), [(False, True), (True, False)])
def test_a_failure_is_quoted_only_where_nobodys_data_can_be_in_it(is_personal: bool, said: bool) -> None:
    settlement = sent(DatabaseLost("ann@example.com"), is_personal).settlement
    assert settlement.tries == 1
    assert ("ann@example.com" in (settlement.error or "")) == said
