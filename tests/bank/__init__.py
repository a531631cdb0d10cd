"""A small bank, as a domain of its own, for audits: aggregates with snapshots and an end, read models of every sort."""

from pathlib import Path

from acci.domain.contexts import Context
from tests.bank.account import Account
from tests.bank.events import AccountClosed, AccountOpened, Deposited, Withdrawn
from tests.bank.quality import ACCOUNTS, TURNOVER
from tests.bank.read_models import Accounts, Statements, Turnover

CONTEXT = Context(
    name="bank",
    sql=Path(__file__).parent / "sql",
    events=(AccountOpened, Deposited, Withdrawn, AccountClosed),
    aggregates=(Account,),
    projections=(Accounts, Turnover, Statements),
    suites=(ACCOUNTS, TURNOVER),
    retired=("NothingHappened",),  # by tests that only move the log
)
