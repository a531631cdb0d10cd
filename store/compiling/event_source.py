"""Event sources: tables with the log's columns, from which a statement may read its events."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


def event_source(name: str, schema: str | None = None) -> sa.TableClause:
    """The table `name`, which has the columns of the log."""
    return sa.table(
        name,
        sa.column("position", sa.BigInteger),
        sa.column("timestamp", sa.DateTime(timezone=True)),
        sa.column("recorded_at", sa.DateTime(timezone=True)),
        sa.column("id", postgresql.UUID),
        sa.column("version", sa.Integer),
        sa.column("schema_version", sa.Integer),
        sa.column("tenant_id", sa.Text),
        sa.column("aggregate_type", sa.Text),
        sa.column("aggregate_id", sa.Text),
        sa.column("event_type", sa.Text),
        sa.column("data", postgresql.JSONB),
        sa.column("metadata", postgresql.JSONB),
        schema=schema,
    )


EVENTS = event_source("events", "acci")  # the log itself
