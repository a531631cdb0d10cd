"""What a person sees in the Prefect UI, in a real browser: an audit from the form to what it shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from acci.store.postgres.database import connect
from tests.domains.bank.ledger import corrupt, some_account
from tests.support.browser import Browser, program
from tests.support.prefect_server import PrefectServer

CHROMIUM = program()
ANYWHERE = "a, button, [role=tab], [role=menuitem], .p-overflow-menu-item, li, span, div"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    assert CHROMIUM is not None
    opened = Browser(CHROMIUM, tmp_path)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def bank_of_the_worker(prefect_server: PrefectServer, bank_url: str) -> Iterator[str]:
    """The bank on which the audits of this test run: the form says nothing of databases."""
    with prefect_server.environment_of("audit", ACCI_DATABASE_URL=bank_url, ACCI_CONTEXTS="tests.domains.bank"):
        yield bank_url


def log_in(browser: Browser, login: str) -> None:
    """What a page asks for, once."""
    browser.click_on("input[type=password]")
    browser.type(login)
    browser.click("Login", "button")
    browser.wait_for("!location.pathname.startsWith('/login')")


@pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium on this machine (Debian: apt install chromium)")
@pytest.mark.timeout(400)
def test_an_audit_from_the_form_to_its_findings(
    prefect_server: PrefectServer, browser: Browser, bank_of_the_worker: str
) -> None:
    with connect(bank_of_the_worker, "test") as connection:
        tenant, account = some_account(connection)
        corrupt(connection, "accounts", "UPDATE {table} SET balance = balance * 2 WHERE id = %(id)s", id=account)

    browser.open(f"{prefect_server.api_url.removesuffix('/api')}/deployments")
    browser.wait_for("location.pathname.startsWith('/login')")
    log_in(browser, prefect_server.access["PREFECT_API_AUTH_STRING"])
    browser.open(f"{prefect_server.api_url.removesuffix('/api')}/deployments")
    for name in ("audit", "backfill", "catch-up"):  # on the first page, also if other tests add some
        browser.see(name)
    browser.click("audit", "a[href*='/deployments/deployment/']")  # its flow is named so too
    browser.click("Run", "button")
    browser.click("Custom run", ANYWHERE)
    browser.see("One projection, or all")
    browser.choose("div.p-label select", "accounts")
    browser.click_on("div.p-label textarea")
    browser.type(tenant)
    browser.click("Submit", "button")
    browser.click("View run", "button, a")
    browser.wait_for("location.pathname.startsWith('/runs/')")
    browser.see(f"audit accounts, tenant {tenant}, whole", 240)  # the run's name, once it has begun
    browser.see("Findings", 120)  # the state that it ends in
    browser.click("Artifacts", ANYWHERE)
    for key in ("audit-checks", "audit-findings", "audit-differences", "audit-history"):
        browser.see(key)
    browser.click("audit-findings", ANYWHERE)
    browser.see("The row differs from what its events produce in balance")
    browser.see(account)
