"""The time limit of a run, from its deployment."""

from acci.store.settings import Settings


def allowed_seconds() -> float | None:
    """The time limit in seconds from prefect.yaml; None, no limit, for `acci run`.

    A run that takes longer ends as TimedOut; what it committed stays, the rest is rolled back, and a rerun resumes.
    """
    return Settings.from_environment().timeout_seconds
