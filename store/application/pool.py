"""The connections of an application: a pool that does not open again once it was closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from acci.domain.errors import AcciError
from acci.store.postgres.address import whereabouts
from acci.store.postgres.database import Connection, Database
from acci.store.postgres.lending import Loan
from acci.store.postgres.refusals import TranslatedErrors
from acci.store.postgres.replica import PATIENCE, Replica
from acci.store.postgres.session import Role, take
from acci.store.postgres.tenants import enter
from acci.store.settings import Settings


class ApplicationClosed(AcciError):
    """An application was used after it was closed."""

    where: str

    sentence = "This application of the database at {where} is closed: use it inside its `with`, or make another one."


class ApplicationPool(Database):
    """As `Database`; once closed, it lends nothing."""

    closed = False

    def connection(self) -> Loan[Connection]:
        """As `Database.connection`. Raises `ApplicationClosed`."""
        if self.closed:
            raise ApplicationClosed(whereabouts(self.url))
        return super().connection()

    @contextmanager
    def reading(self, role: Role, tenant_id: str | None) -> Iterator[Connection]:
        """A transaction with the rights of `role`, within that tenant. Raises `NotAllowed`, and as `connection`."""
        with TranslatedErrors(), self.connection() as connection, connection.transaction():
            take(connection, role)
            if tenant_id is not None:
                enter(connection, tenant_id, local=True)
            yield connection

    def close(self) -> None:
        self.closed = True
        super().close()


def where_reads_go(primary: ApplicationPool, settings: Settings) -> ApplicationPool | Replica[ApplicationPool]:
    """The replica that the settings name, with as many connections again; else the pool itself."""
    if settings.read_url is None:
        return primary
    limits = replace(settings.limits, pool_wait=min(PATIENCE, settings.limits.pool_wait))
    standby = ApplicationPool(settings.read_url, None, "read", limits, primary.keys, primary.tracing, PATIENCE)
    return Replica(primary, standby, settings.read_lag)
