"""The connections of an application: a pool that does not open again once it was closed."""

from acci.domain.errors import AcciError
from acci.store.postgres.database import Connection, Database, whereabouts
from acci.store.postgres.lending import Loan


class ApplicationClosed(AcciError):
    """An application was used after it was closed."""

    where: str

    sentence = "This application of the database at {where} is closed: use it inside its `with`, or make another one."


class NoTenant(AcciError):
    """A call concerns one tenant's data, and neither it nor `acting_as` says whose."""

    sentence = "No tenant is named: give tenant_id, or call it in `with acci.acting_as(tenant_id=…)`."


class ApplicationPool(Database):
    """As `Database`; once closed, it lends nothing."""

    closed = False

    def connection(self) -> Loan[Connection]:
        """As `Database.connection`. Raises `ApplicationClosed`."""
        if self.closed:
            raise ApplicationClosed(whereabouts(self.url))
        return super().connection()

    def close(self) -> None:
        self.closed = True
        super().close()
