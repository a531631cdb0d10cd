"""A domain outside `domain/`: how a municipality receives building-permit applications.

Made for the public log "Receipt phase of an environmental permit application process (WABO), CoSeLoG project", and
registered as any user's own would be: ACCI_CONTEXTS=tests.domains.permits.

The log knows 27 kinds of step. Four events say what they mean to a reader: a case is received (`CaseReceived`, the
first step of every case, and the only place that tells what the case is), its confirmation is sent, its stop is
decided, and any other step is completed. What else the kinds differ in is a name, kept as data: a new kind of step
needs no new code.
"""

from pathlib import Path

from acci.domain.contexts import Context
from tests.domains.permits.events import CaseReceived, ConfirmationSent, StepCompleted, StopDecided
from tests.domains.permits.permit_cases import PermitCases
from tests.domains.permits.quality import PERMIT_CASES, STEPS_PER_DAY
from tests.domains.permits.queries import GetPermitCase, ListStepsPerDay
from tests.domains.permits.steps_per_day import StepsPerDay

CONTEXT = Context(
    name="permits",
    sql=Path(__file__).parent / "sql",
    events=(CaseReceived, ConfirmationSent, StopDecided, StepCompleted),
    projections=(PermitCases, StepsPerDay),
    queries=(GetPermitCase, ListStepsPerDay),
    suites=(PERMIT_CASES, STEPS_PER_DAY),
)
