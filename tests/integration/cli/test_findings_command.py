"""`acci findings` as a shell sees it."""

import csv
import json
from pathlib import Path

from acci.store.postgres.database import connect
from acci.store.registry import load
from tests.domains.bank.ledger import audited, corrupt, some_account
from tests.support.shell import acci


def test_findings_are_listed_for_people_programs_and_spreadsheets(bank_url: str, tmp_path: Path) -> None:
    setting = {"ACCI_DATABASE_URL": bank_url, "ACCI_CONTEXTS": "tests.domains.bank"}
    assert "no open findings" in acci("findings", **setting).stdout
    with connect(bank_url, "test") as connection:
        tenant, account = some_account(connection)
        corrupt(connection, "accounts", "UPDATE {table} SET owner = 'Eve' WHERE id = %(id)s", id=account)
        audited(connection, load(["tests.domains.bank"]), "rows")

    (found,) = json.loads(acci("findings", "--json", **setting).stdout)
    assert (found["check"], found["projection"], found["severity"]) == ("rows", "accounts", "error")
    assert found["place"] == {"tenant_id": tenant, "id": account}
    assert found["details"]["columns"]["owner"]["stored"] == "Eve"
    assert json.loads(acci("findings", "turnover", "--json", **setting).stdout) == []
    assert "owner" in acci("findings", "accounts", "--check", "rows", COLUMNS="200", **setting).stdout

    acci("findings", "--csv", str(tmp_path / "found.csv"), **setting)
    with (tmp_path / "found.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["id"], line["column"], line["stored"]) == (account, "owner", "Eve")
    assert list(line)[:7] == ["projection", "check", "severity", "problem", "first seen", "last seen", "gone"]
    assert (line["projection"], line["check"], line["severity"], line["gone"]) == ("accounts", "rows", "error", "")
    assert line["first seen"] <= line["last seen"]


def test_what_does_not_exist_is_refused(bank_url: str) -> None:
    setting = {"ACCI_DATABASE_URL": bank_url, "ACCI_CONTEXTS": "tests.domains.bank"}
    refused = acci("findings", "no_such", **setting)
    assert refused.returncode == 1
    assert "There is no projection named 'no_such'" in refused.stderr
    assert acci("run", "audit", "--fail-at", "never", **setting).returncode == 2
    assert "is not a JSON list" in acci("run", "audit", "accounts", "--key", "acme", **setting).stderr
