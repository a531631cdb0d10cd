"""What must hold in the bank's read models."""

from acci.domain.quality import Suite, expect, no_rows
from tests.domains.bank.read_models import Accounts, Turnover

ACCOUNTS = Suite(
    Accounts,
    expect("expect_column_values_to_be_between", column="movements", min_value=0),
    expect("expect_column_values_to_be_in_set", column="note", value_set=["rent", "food"]),
    expect("expect_table_row_count_to_be_between", min_value=1, meaning="There are accounts."),
    no_rows("note ~ '^x{2}'", "A note begins with two x."),
)
TURNOVER = Suite(Turnover, no_rows("largest > amount", "A deposit is larger than the sum of its day."))
