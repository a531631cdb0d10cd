"""Tenants: a session sees one tenant's events and rows; without a tenant none, unless it projects or administers."""

from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.values.storable import Unstorable, check_text


def enter(connection: Connection, tenant_id: str, *, local: bool = False) -> None:
    """Work for this tenant from now on; if `local`, until the end of the transaction.

    Raises `Unstorable`; `SharedSession` if it is to hold beyond a transaction, and a pooler does not keep it.
    """
    if not local:
        connection.require_own()
    if not isinstance(tenant_id, str):
        raise TypeError(f"The tenant {tenant_id!r:.100} is no text.")
    if problem := check_text(tenant_id):
        raise Unstorable("The tenant", "its name", f"{problem}.")
    connection.execute(sql("postgres/enter_tenant"), {"tenant_id": tenant_id, "local": local})
