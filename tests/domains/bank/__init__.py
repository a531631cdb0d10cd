"""A small bank, as a domain of its own, for audits: aggregates with snapshots and an end, read models of every sort."""

from pathlib import Path

from acci.domain.contexts import Context
from tests.domains.bank.account import Account
from tests.domains.bank.events import AccountClosed, AccountOpened, Deposited, Withdrawn
from tests.domains.bank.quality import ACCOUNTS, TURNOVER
from tests.domains.bank.read_models import Accounts, Statements, Turnover

CONTEXT = Context(
    name="bank",
    sql=Path(__file__).parent / "sql",
    events=(AccountOpened, Deposited, Withdrawn, AccountClosed),
    aggregates=(Account,),
    projections=(Accounts, Turnover, Statements),
    suites=(ACCOUNTS, TURNOVER),
    retired=("NothingHappened",),  # by tests that only move the log
)
