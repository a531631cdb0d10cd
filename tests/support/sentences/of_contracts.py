"""Errors of the contract, with their sentences."""

from acci.domain.errors import AcciError
from acci.store.contract.exports import NotMadeByUs
from acci.store.contract.file import NoContract, UnusableContract

SENTENCES: list[tuple[AcciError, str]] = [
    (
        NoContract("/shop/acci.contract.json"),
        ("There is no contract at /shop/acci.contract.json. Run `acci contract`, and commit the file that it writes."),
    ),
    (
        UnusableContract("main.json", "format: input should be 1"),
        (
            "main.json is no contract that can be read: format: input should be 1. Take it from your version "
            "control, or delete it."
        ),
    ),
    (
        NotMadeByUs("docs/domain.md"),
        ("docs/domain.md was not made by `acci contract`, so it is left as it is. Name another place, or remove it."),
    ),
]
