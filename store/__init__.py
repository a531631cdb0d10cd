"""The only door to PostgreSQL: append, read, snapshots, projecting, audits."""
