"""How long a run may take, as its deployment says."""

import os

VARIABLE = "ACCI_TIMEOUT_SECONDS"


def allowed_seconds() -> float | None:
    """The seconds that prefect.yaml gives this process's run; None, without an end, for `acci run`.

    A run that takes longer ends as TimedOut; what it committed stays, the rest is rolled back, and a rerun goes on.
    """
    text = os.environ.get(VARIABLE, "").strip()
    return float(text) if text else None
