"""Tenants: whose events and rows a session may see; without one none, unless it projects or administers."""

from store.database import Connection
from store.statements import sql


def enter(connection: Connection, tenant_id: str, *, local: bool = False) -> None:
    """Work for this tenant from now on; if `local`, until the end of the transaction."""
    connection.execute(sql("tenants/enter"), {"tenant_id": tenant_id, "local": local})
