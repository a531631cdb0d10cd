"""`/livez`, `/readyz` and `/metrics`."""

from collections.abc import Callable

from fastapi import Depends

from acci import Application
from acci.store.postgres.database import connect
from tests.integration.web.conftest import Client


def test_a_database_of_this_version_is_ready(web: Client) -> None:
    assert web.get("/livez").json() == web.get("/readyz").json() == {"status": "well"}
    assert web.request("HEAD", "/livez").status_code == 200


def test_a_database_with_another_schema_is_not(web: Client, app: Application) -> None:
    with connect(app.database.url, "test") as connection:
        connection.execute("DELETE FROM acci_migrations.applied")
    assert web.get("/readyz").status_code == 503


def test_metrics_are_for_an_operator(web: Client, app: Application, serve: Callable[..., Client]) -> None:
    assert web.get("/metrics").status_code == 404
    text = serve(app, operator=Depends(lambda: None)).get("/metrics")
    assert text.headers["content-type"].startswith("text/plain")
    assert "acci_up 1" in text.text
