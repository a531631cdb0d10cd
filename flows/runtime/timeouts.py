"""The time limit of a run, from its deployment."""

import os

VARIABLE = "ACCI_TIMEOUT_SECONDS"


def allowed_seconds() -> float | None:
    """The time limit in seconds from prefect.yaml; None, no limit, for `acci run`.

    A run that takes longer ends as TimedOut; what it committed stays, the rest is rolled back, and a rerun resumes.
    """
    text = os.environ.get(VARIABLE, "").strip()
    return float(text) if text else None
