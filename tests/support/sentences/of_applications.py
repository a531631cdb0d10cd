"""What is refused to a program that holds an application or reads the log, and the sentence that says so."""

from acci.domain.errors import AcciError
from acci.store.application.acting import NoTenant
from acci.store.application.pool import ApplicationClosed
from acci.store.log.append_within import NoTransaction
from acci.store.log.expected_version import NoSuchStream
from acci.store.log.reading import TenantNeeded, WrongBound

SENTENCES: list[tuple[AcciError, str]] = [
    (
        ApplicationClosed("h:5432/acci"),
        ("This application of the database at h:5432/acci is closed: use it inside its `with`, or make another one."),
    ),
    (
        NoTenant(),
        "No tenant is named: give tenant_id, or call it in `with acci.acting_as(tenant_id=…)`.",
    ),
    (
        NoTransaction("h:5432/acci", "is closed"),
        (
            "The connection to h:5432/acci is closed: append inside `with "
            "connection.transaction()`, or leave the connection out."
        ),
    ),
    (
        NoSuchStream("t1", "User", "ann"),
        "There is no User 'ann' of the tenant 't1'. Correct its id, or begin it first.",
    ),
    (
        TenantNeeded("append"),
        (
            "The role acci_append sees the events of one tenant: give tenant_id, or read with a Database whose role "
            "is project or administer."
        ),
    ),
    (
        WrongBound("limit", "-1", 0),
        "limit is -1: give it a whole number from 0 on, below 2^63.",
    ),
]
