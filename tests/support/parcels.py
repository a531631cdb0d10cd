"""Parcels in the log, for tests of reactions."""

from acci.store.postgres.database import Connection

_APPEND = """
    INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                             metadata)
    SELECT clock_timestamp(), gen_random_uuid(), coalesce(max(version), 0) + 1, %(tenant)s, 'Parcel', %(parcel)s,
           %(type)s, %(data)s, '{"correlation_id": "c"}'
    FROM acci.events WHERE tenant_id = %(tenant)s AND aggregate_type = 'Parcel' AND aggregate_id = %(parcel)s
    RETURNING position"""


def sent(connection: Connection, parcel: str, weight: int = 1, tenant: str = "t") -> int:
    """A ParcelSent in the log; its position."""
    return _append(connection, tenant, parcel, "ParcelSent", f'{{"to": "ann", "weight": {weight}}}')


def arrived(connection: Connection, parcel: str, tenant: str = "t") -> int:
    """A ParcelArrived in the log; its position."""
    return _append(connection, tenant, parcel, "ParcelArrived", "{}")


def _append(connection: Connection, tenant: str, parcel: str, kind: str, data: str) -> int:
    row = connection.execute(_APPEND, {"tenant": tenant, "parcel": parcel, "type": kind, "data": data}).fetchone()
    assert row is not None
    return int(row[0])
