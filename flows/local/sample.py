"""The sample history that a newcomer finds."""


def fill_if_empty(database_url: str) -> None:
    """Afterwards the log is not empty: a small simulated history is in it, or what it held before."""
