"""Addresses as messages show them: hosts and ports, never a name or a password."""

import pytest

from acci.store.postgres.address import whereabouts
from acci.store.postgres.errors import DatabaseUnreachable

SHOWN = {
    "postgresql://ann:s3cret@db.example.com/shop": "db.example.com:5432/shop",
    "postgresql://ann:s3cret@db.example.com:6432/shop?sslmode=verify-full": "db.example.com:6432/shop",
    "postgresql://ann:s3cret@db1,db2/shop?target_session_attrs=read-write": "db1:5432,db2:5432/shop",
    "postgresql://ann:s3cret@db1:5433,db2/shop": "db1:5433,db2:5432/shop",
    "postgresql://ann:s3cret@db1:5433,db2:5434/shop": "db1:5433,db2:5434/shop",
    "host=db1,db2 port=6432 dbname=shop password=s3cret": "db1:6432,db2:6432/shop",
    "hostaddr=127.0.0.1 dbname=shop": "127.0.0.1:5432/shop",
    "postgresql:///shop": "localhost:5432/shop",
}


@pytest.mark.parametrize(("url", "shown"), SHOWN.items())
def test_each_host_is_shown_with_its_port(url: str, shown: str) -> None:
    assert whereabouts(url) == shown


@pytest.mark.parametrize("url", ["postgresql://ann:s3/cret@db/shop", "postgresql://ann:s3@cret@db/shop", "what"])
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseUnreachable) as refused:
        whereabouts(url)
    assert "cret" not in str(refused.value)
