"""Quality suites: expectations checked in PostgreSQL; a failed one differs from one that could not be checked."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from acci.domain.errors import DefinitionError
from acci.domain.quality import Suite, expect, no_rows
from acci.flows.artifacts.quality import page
from acci.flows.quality import great_expectations
from acci.flows.quality.reports import Report
from acci.store.generations import generations
from acci.store.postgres.database import Connection
from acci.store.registry import Catalogue
from tests.domains.bank.ledger import EVENTS, corrupt, some_account
from tests.domains.bank.read_models import Accounts

pytestmark = pytest.mark.bank


def report(connection: Connection, suite: Suite, span: tuple[int, int] | None = None) -> Report:
    generation = generations.live(connection, suite.projection.name)
    assert generation is not None
    return great_expectations.validate(connection, suite, generation, span)


def test_a_sound_read_model_passes(connection: Connection, catalogue: Catalogue) -> None:
    for suite in catalogue.suites.values():
        done = report(connection, suite)
        assert [str(failure) for failure in done.failures] == []
        assert len(done.results) == len(suite.expectations)


def test_failing_rows_are_reported_with_their_keys(connection: Connection, catalogue: Catalogue) -> None:
    tenant, account = some_account(connection)
    corrupt(connection, "accounts", "UPDATE {table} SET movements = -1, note = 'xx' WHERE id = %(id)s", id=account)
    generation = generations.live(connection, "accounts")
    assert generation is not None
    found = great_expectations.check(connection, catalogue, Accounts, generation)

    assert [failure.failing for failure in found] == [1, 1, 1]
    assert all(failure.rows[0]["tenant_id"] == tenant and failure.rows[0]["id"] == account for failure in found)
    assert (
        str(found[2])
        == f"A note begins with two x. does not hold for 1 rows, such as tenant_id {tenant}, id {account}."
    )


def test_only_keys_of_failing_rows_are_reported(connection: Connection) -> None:
    """Results end in logs and artifacts: what people wrote does not belong there."""
    _, account = some_account(connection)
    corrupt(
        connection, "accounts", "UPDATE {table} SET owner = 'secret', note = 'secret' WHERE id = %(id)s", id=account
    )
    suite = Suite(
        Accounts,
        expect("expect_column_values_to_match_regex", column="note", regex="^never$"),
        expect("expect_column_values_to_be_in_set", column="owner", value_set=["nobody"]),
        expect("expect_column_pair_values_to_be_equal", column_A="owner", column_B="id"),
        expect("expect_compound_columns_to_be_unique", column_list=["owner"]),
        expect("expect_column_distinct_values_to_be_in_set", column="owner", value_set=["nobody"]),
        expect("expect_column_max_to_be_between", column="owner", max_value="a"),
        no_rows("owner::integer > 0", "An owner's number is positive."),
    )
    done = report(connection, suite)
    assert len(done.failures) == len(suite.expectations)
    told = f"{done.results} {page([done])} {[str(result) for result in done.results]}"
    assert "secret" not in told
    assert {name for result in done.results for row in result.rows for name in row} == {"tenant_id", "id"}
    assert "invalid input syntax for type integer: a value" in str(done.results[-1])


def test_an_expectation_that_cannot_be_checked_is_reported_as_such(connection: Connection) -> None:
    suite = Suite(
        Accounts,
        expect("expect_column_values_to_not_be_null", column="no_such"),
        no_rows("no_such > 1", "Nonsense."),
        expect("expect_column_values_to_not_be_null", column="owner"),
    )
    broken, nonsense, sound = report(connection, suite).results
    assert not broken.passed
    assert "no_such" in str(broken.error)
    assert "could not be checked" in str(nonsense)
    assert sound.passed


def test_only_the_rows_that_changed_are_checked(connection: Connection) -> None:
    row = connection.execute(
        "SELECT tenant_id, aggregate_id, position FROM acci.events ORDER BY position DESC LIMIT 1"
    ).fetchone()
    assert row is not None
    corrupt(connection, "accounts", "UPDATE {table} SET movements = -1 WHERE id <> %(id)s", id=row[1])
    suite = Suite(
        Accounts,
        expect("expect_column_values_to_be_between", column="movements", min_value=0),
        expect("expect_table_row_count_to_be_between", min_value=10_000),
    )
    done = report(connection, suite, (EVENTS - 1, EVENTS))
    assert [result.passed for result in done.results] == [True]
    assert done.extent == "1 rows that changed"
    assert [result.passed for result in report(connection, suite, (0, EVENTS)).results] == [False]


def test_the_library_does_not_log_its_temporary_folders(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    report(connection, Suite(Accounts, expect("expect_column_values_to_not_be_null", column="owner")))
    assert [each.getMessage() for each in caplog.records if each.name.startswith("great_expectations")] == []


def test_the_report_is_one_page_that_fetches_nothing(connection: Connection, tmp_path: Path) -> None:
    _, account = some_account(connection)
    corrupt(connection, "accounts", "UPDATE {table} SET note = 'secret' WHERE id = %(id)s", id=account)
    suite = Suite(Accounts, expect("expect_column_values_to_be_in_set", column="note", value_set=["<b>", "food"]))
    text = page([report(connection, suite)])
    assert account in text
    assert "&lt;b&gt;" in text
    assert "secret" not in text
    assert "http" not in text


def test_a_declaration_is_checked() -> None:
    with pytest.raises(DefinitionError, match="it expects nothing"):
        Suite(Accounts)
    with pytest.raises(DefinitionError, match="begins with expect_"):
        expect("values_are_nice")


def test_nothing_is_imported_before_there_is_something_to_check() -> None:
    ours = "acci.flows.quality.great_expectations, acci.flows.artifacts.quality"
    program = f"import sys, {ours}; print('great_expectations' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
