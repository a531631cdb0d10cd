"""Seals that were tampered with."""

from acci.store.postgres.database import Connection
from tests.support.corruptions import Wrong, corruption


@corruption(repairable=False)
def seal_removed(connection: Connection) -> Wrong:
    connection.execute("ALTER TABLE acci.seals DISABLE TRIGGER USER")
    connection.execute("DELETE FROM acci.seals WHERE seal = 2")
    return Wrong("seal_chain", None, {"seal": "3"})


@corruption(repairable=False)
def seal_forged(connection: Connection) -> Wrong:
    connection.execute("ALTER TABLE acci.seals DISABLE TRIGGER USER")
    connection.execute("UPDATE acci.seals SET digest = sha256('forged') WHERE seal = 2")
    return Wrong("seal_chain", None, {"seal": "2"})
