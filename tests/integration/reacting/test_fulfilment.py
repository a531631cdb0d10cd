"""A process manager across three aggregates, run as a worker runs it: whatever comes when, each order ends once."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from acci.domain.aggregates import Aggregate
from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.errors import Refused
from acci.domain.events import StreamId
from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.reacting.delivering import Deliverer
from acci.store.reacting.following import Reactor, react
from acci.store.reacting.routes import Routes
from acci.store.reacting.senders.commands import CommandSender
from acci.store.registry import load
from tests.domains.fulfilment.order import CancelOrder, Order, PlaceOrder
from tests.domains.fulfilment.payment import Pay, Payment, RefusePayment
from tests.domains.fulfilment.stock import ReserveStock, Restock, Stock

CATALOGUE = load(["tests.domains.fulfilment"])
TEA, STORED = "tea", 5


class Shop(NamedTuple):
    """A worker that decides and delivers a step at a time, and a shop in one tenant."""

    tenant: str
    connection: Connection
    handler: CommandHandler
    store: EventStore
    reactor: Reactor
    deliverer: Deliverer
    notes: list[str]

    def customer(self, command: CommandData) -> None:
        """Somebody sends it; it may be refused."""
        now = datetime.now(UTC)
        metadata = CommandMetadata(user_id="ann", correlation_id="c", tenant_id=self.tenant, timestamp=now)
        with suppress(Refused):
            self.handler.handle(Command(uuid4(), command, metadata))

    def days_pass(self) -> None:
        self.connection.execute("UPDATE acci.timers SET due = now() - interval '1 second'")

    def settle(self) -> None:
        """Until nothing follows from anything any more."""
        react(self.reactor)
        while self.deliverer.step().ended:
            react(self.reactor)

    def now(self, aggregate: type[Aggregate], name: str) -> Any:
        stream = StreamId(self.tenant, aggregate.aggregate_type(), name)
        return aggregate.from_events(self.store.read_stream(stream))

    def happened(self, name: str) -> list[str]:
        """The events that name an order, in order."""
        rows = self.connection.execute(
            "SELECT event_type FROM acci.events WHERE tenant_id = %s AND (aggregate_id = %s OR data->>'order' = %s)"
            " ORDER BY position",
            (self.tenant, name, name),
        )
        return [row[0] for row in rows.fetchall()]


@pytest.fixture
def shop(database: Database, database_url: str, connection: Connection) -> Iterator[Shop]:
    store, notes = EventStore(database, CATALOGUE), list[str]()
    handler = CommandHandler(store, CATALOGUE)

    def notify(name: str, what: str) -> None:
        notes.append(f"{name}: {what}")

    with (
        connect(database_url, "react", "project") as reacting,
        connect(database_url, "deliver", "project") as delivering,
        Deliverer(delivering, CATALOGUE, Routes((), CommandSender(handler.handle, CATALOGUE)), notify, 4) as deliverer,
    ):
        reactor = Reactor(reacting, CATALOGUE, ["fulfilment"], notify)
        yield Shop("t", connection, handler, store, reactor, deliverer, notes)


def place(order: str, quantity: int = 2) -> PlaceOrder:
    return PlaceOrder(order=order, product=TEA, quantity=quantity, amount=10)


def test_an_order_that_is_paid_is_shipped(shop: Shop) -> None:
    shop.customer(Restock(product=TEA, quantity=STORED))
    shop.customer(place("a"))
    shop.settle()
    shop.customer(Pay(order="a"))
    shop.settle()

    expected = ["OrderPlaced", "StockReserved", "PaymentRequested", "Paid", "OrderShipped", "StockTaken"]
    assert shop.happened("a") == expected
    assert shop.connection.execute("SELECT count(*) FROM acci.timers").fetchone() == (0,)
    assert shop.now(Stock, TEA) == Stock(available=STORED - 2, taken=2)


def test_an_order_beyond_the_stock_is_cancelled(shop: Shop) -> None:
    shop.customer(Restock(product=TEA, quantity=STORED))
    shop.customer(place("a", STORED + 1))
    shop.settle()

    assert shop.happened("a") == ["OrderPlaced", "CommandRefused", "OrderCancelled", "PaymentVoided"]
    assert shop.now(Stock, TEA).available == STORED


@pytest.mark.parametrize("refused", [True, False], ids=["refused", "overdue"])
def test_an_order_that_is_not_paid_is_cancelled_and_its_stock_released(shop: Shop, refused: bool) -> None:
    shop.customer(Restock(product=TEA, quantity=STORED))
    shop.customer(place("a"))
    shop.settle()
    if refused:
        shop.customer(RefusePayment(order="a", reason="no money"))
    else:
        shop.days_pass()
    shop.settle()

    assert shop.now(Order, "a").status == "cancelled"
    assert shop.now(Stock, TEA) == Stock(available=STORED)
    assert "PaymentOverdue" in shop.happened("a") or refused
    assert shop.connection.execute("SELECT count(*) FROM acci.timers").fetchone() == (0,)


def test_a_payment_that_comes_with_the_time_out_counts(shop: Shop) -> None:
    shop.customer(Restock(product=TEA, quantity=STORED))
    shop.customer(place("a"))
    shop.settle()
    shop.days_pass()
    shop.reactor.step()  # the time-out is decided, and not delivered
    shop.customer(Pay(order="a"))
    shop.settle()

    assert shop.now(Order, "a").status == "shipped"
    assert shop.now(Payment, "a").status == "paid"


def test_an_order_that_is_cancelled_after_it_was_paid_is_refunded(shop: Shop) -> None:
    shop.customer(Restock(product=TEA, quantity=STORED))
    shop.customer(place("a"))
    shop.settle()
    shop.customer(Pay(order="a"))
    shop.customer(CancelOrder(order="a", reason="changed my mind"))
    shop.settle()

    assert shop.now(Order, "a").status == "cancelled"
    assert shop.now(Payment, "a").status == "refunded"
    assert shop.now(Stock, TEA) == Stock(available=STORED)


ORDERS = ("a", "b", "c")
orders = st.sampled_from(ORDERS)
steps = st.one_of(
    st.builds(lambda order, quantity: ("customer", place(order, quantity)), orders, st.integers(1, 4)),
    st.builds(lambda order: ("customer", Pay(order=order)), orders),
    st.builds(lambda order: ("customer", RefusePayment(order=order, reason="no money")), orders),
    st.builds(lambda order: ("customer", CancelOrder(order=order, reason="changed my mind")), orders),
    st.sampled_from([("decide", None), ("deliver", None), ("days pass", None)]),
    st.sampled_from([("decide", None), ("deliver", None)]),
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=5, max_size=25))
def test_whatever_comes_when_each_order_ends_once_and_no_stock_is_lost(
    shop: Shop, history: list[tuple[str, Any]]
) -> None:
    here = shop._replace(tenant=str(uuid4()))
    here.customer(Restock(product=TEA, quantity=STORED))
    for what, command in history:
        if what == "customer":
            here.customer(command)
        elif what == "decide":
            here.reactor.step()
        elif what == "deliver":
            here.deliverer.step()
        else:
            here.days_pass()
    here.settle()
    here.days_pass()
    here.settle()

    stock, shipped = here.now(Stock, TEA), 0
    for name in ORDERS:
        order, payment, happened = here.now(Order, name), here.now(Payment, name), here.happened(name)
        if order.status == "none":
            continue
        event(f"{order.status}, payment {payment.status}")
        assert [each for each in happened if each in ("OrderShipped", "OrderCancelled")] == [
            "OrderShipped" if order.status == "shipped" else "OrderCancelled"
        ]
        assert payment.status == "paid" if order.status == "shipped" else payment.status not in ("paid", "requested")
        assert happened.count("StockReserved") == happened.count("StockReleased") + happened.count("StockTaken") <= 1
        shipped += _quantity(here, name) if order.status == "shipped" else 0
    assert stock == Stock(available=STORED - shipped, taken=shipped)
    assert here.connection.execute(
        "SELECT (SELECT count(*) FROM acci.timers), count(*) FROM acci.outbox"
    ).fetchone() == (
        0,
        0,
    )
    assert not here.notes, "no dead letter, no decision that changed"


def _quantity(shop: Shop, order: str) -> int:
    row = shop.connection.execute(
        "SELECT (data->>'quantity')::int FROM acci.events WHERE tenant_id = %s AND aggregate_id = %s"
        " AND event_type = 'OrderPlaced'",
        (shop.tenant, order),
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_the_reservation_is_the_first_command_of_an_order(shop: Shop) -> None:
    """What undoes it is put behind it, and so is handled after it."""
    shop.customer(place("a"))
    shop.customer(CancelOrder(order="a", reason="changed my mind"))
    react(shop.reactor)
    topics = [row[0] for row in shop.connection.execute("SELECT topic FROM acci.outbox ORDER BY position, ordinal")]
    assert topics == [ReserveStock.__name__, "ReleaseStock", "VoidPayment"]
