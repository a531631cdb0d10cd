"""What must hold in the read model of users."""

from acci.domain.quality import Suite, expect, no_rows
from acci.domain.users.user_view import UserView

USER_VIEW = Suite(
    UserView,
    expect("expect_column_values_to_match_regex", column="email", regex=r"^[^@\s]+@[^@\s]+$"),
    expect("expect_column_values_to_be_in_set", column="status", value_set=["active", "inactive"]),
    expect("expect_column_value_lengths_to_be_between", column="name", min_value=1, max_value=200),
    expect("expect_column_value_lengths_to_be_between", column="email", min_value=3, max_value=320),
    expect("expect_column_values_to_not_match_regex", column="id", regex=r"^\s*$"),
    expect("expect_compound_columns_to_be_unique", column_list=["tenant_id", "id"]),
    no_rows("updated_at < created_at", "A user was changed before it was made."),
)
