"""What a fingerprint is made of: what the rules say, wherever ACCI keeps the classes that they are written with."""

from decimal import Decimal
from typing import ClassVar

from acci.domain.events import Event, EventData
from acci.domain.projections import Delete, Projection, Upsert, add, count, keep, lower, maximum, on, when
from acci.store.generations.fingerprints import _digest, _meaning


class Sold(EventData):
    shop: str
    amount: Decimal
    note: str | None = None


class ShopClosed(EventData):
    formerly: ClassVar[tuple[str, ...]] = ("ShopShut",)

    shop: str


class Sales(Projection):
    key = ("shop",)

    @on(Sold)
    def sold(self, event: Event[Sold]) -> Upsert:
        large = event.data.amount > Decimal("9.50")
        return Upsert(
            shop=lower(event.data.shop),
            first=keep(event.timestamp),
            last=maximum(event.timestamp),
            total=add(event.data.amount * 2 - 1),
            sales=count(),
            note=when(large & (event.data.amount != Decimal(10)), "large", event.data.note),
        )

    @on(ShopClosed)
    def closed(self, event: Event[ShopClosed]) -> Delete:
        return Delete(shop=event.data.shop)


def test_rules_have_the_fingerprint_that_they_had_in_releases_before() -> None:
    """If this must change, raise `MEANING`: every read model needs a rebuild then, and should say why."""
    meanings = [_meaning(rule, frozenset()) for rule in Sales.rules]
    assert [_digest(meaning) for meaning in meanings] == ["85604324904469e4", "883fb142622cbc32"]
    assert not any("acci." in meaning for meaning in meanings)
