"""The order of rules: those first seen later are newer. A program with older rules must not overwrite newer ones."""

from acci.domain.errors import AcciError
from acci.store.generations.fingerprints import Definition
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql


class OlderRules(AcciError):
    """The live rows were made by newer rules than this program has; `since` says when those were first seen."""

    projection: str
    since: str

    sentence = (
        "{projection} is live by newer rules than those of this program, first seen at {since}: nothing "
        "was built. Upgrade the program that runs here; or, if its older rules are meant, run `acci run rebuild "
        "{projection} --allow-older-rules`."
    )


def older(connection: Connection, projection: str, definition: Definition) -> OlderRules | None:
    """The error if the live generation was made by newer rules than `definition`, else None."""
    asked = {"projection": projection, "fingerprint": definition.fingerprint}
    row = connection.execute(sql("generations/rules:order"), asked).fetchone()
    if row is None or row[0] is None or row[0] >= row[1]:
        return None
    return OlderRules(projection, f"{row[2]:%Y-%m-%d %H:%M}")


def require_not_older(connection: Connection, projection: str, definition: Definition) -> None:
    """Raises `OlderRules`."""
    found = older(connection, projection, definition)
    if found is not None:
        raise found


def allow_older(connection: Connection) -> None:
    """In this transaction older rules may build; afterwards they count as the newest."""
    connection.execute(sql("generations/rules:allow_older"))
