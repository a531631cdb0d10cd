"""Before PostgreSQL 16 other rights are needed to make roles and to grant them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.postgres.test_without_superuser import MAY_MAKE_ROLES, ROLES_ARE_MADE, is_made_and_used, prepared
from tests.support.clusters import OF_DEBIAN, Cluster


@pytest.fixture(params=[MAY_MAKE_ROLES, ROLES_ARE_MADE], ids=["the owner makes the roles", "they are made"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    assert OF_DEBIAN.exists(), "install it: apt-get install postgresql-15"
    yield from prepared(Cluster(OF_DEBIAN, tmp_path / "server"), request.param)


def test_everything_is_done_by_logins_that_are_no_superusers(server: Cluster, tmp_path: Path) -> None:
    is_made_and_used(server, tmp_path)
