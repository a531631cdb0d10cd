"""An application of the users' domain, on a database of the test's own."""

from collections.abc import Iterator

import pytest

from acci import Application
from acci.store.postgres.database import connect
from acci.store.rebuilding import build

USERS = ["acci.domain.users"]


@pytest.fixture
def app(database_url: str) -> Iterator[Application]:
    with Application(database_url, USERS) as app:
        yield app


@pytest.fixture
def published(app: Application, database_url: str) -> Application:
    """Its read model is live and empty."""
    publish(app)
    return app


def publish(app: Application) -> None:
    """Afterwards every read model is live and has every event."""
    with connect(app.database.url, "test") as connection:
        for projection in app.catalogue.projections.values():
            build.rebuild(connection, app.catalogue, projection)
