"""Timestamps as a person writes them."""

from datetime import UTC, datetime

import pytest

from acci.store.values.timestamps import WrongTimestamp, parse_timestamp


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-01-31T09:00:00Z", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("2026-01-31T10:00+01:00", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
        ("0001-01-01T00:00:00-00:00:30", datetime(1, 1, 1, 0, 0, 30, tzinfo=UTC)),
    ],
)
def test_it_is_in_utc(text: str, meant: datetime) -> None:
    found = parse_timestamp(text)
    assert found == meant
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "noon", "2026-01-31", "2026-01-31T09:00:00", "2026-02-30T09:00:00Z", "0001-01-01T00:00:00+00:01",
     "9999-12-31T23:59:59.999999-00:01", "10000-01-01T00:00:00Z"],
)  # fmt: skip
def test_a_malformed_timestamp_is_refused_as_written(text: str) -> None:
    with pytest.raises(WrongTimestamp) as refused:
        parse_timestamp(text)
    assert refused.value.text == text
