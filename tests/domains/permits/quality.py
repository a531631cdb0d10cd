"""What must hold in the read models of permits."""

from acci.domain.quality import Suite, expect, no_rows
from tests.domains.permits.permit_cases import PermitCases
from tests.domains.permits.steps_per_day import StepsPerDay

PERMIT_CASES = Suite(
    PermitCases,
    expect("expect_column_values_to_be_in_set", column="status", value_set=["received", "confirmed", "decided"]),
    expect("expect_column_values_to_be_between", column="steps", min_value=1),
    expect("expect_column_values_to_match_regex", column="id", regex=r"\S"),
    no_rows("last_step_at < first_step_at", "A case ended before it began."),
)
STEPS_PER_DAY = Suite(
    StepsPerDay,
    expect("expect_column_values_to_be_between", column="steps", min_value=1),
    no_rows("received > steps", "More cases were received than steps were taken."),
    no_rows("last_at < first_at", "A day's last step came before its first."),
)
