"""`acci up`: everything on this machine, in the foreground, until Ctrl-C."""


def up() -> None:
    """Start everything here: PostgreSQL, Prefect, a worker, a sample history. Ctrl-C stops it."""
