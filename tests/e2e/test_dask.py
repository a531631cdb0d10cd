"""Partitions of a rebuild in worker processes of Dask, where that is installed: `make test-dask`."""

import json
import re
from importlib.util import find_spec

import pytest

from acci.store.postgres.database import connect
from acci.store.registry import load
from tests.support.histories import append_users, value
from tests.support.prefect_server import PrefectServer
from tests.support.read_models import live, wrong_rows
from tests.support.shell import acci, refusal

INSTALLED = find_spec("prefect_dask") is not None


@pytest.mark.timeout(600)  # each worker imports Prefect, all at the same time, on a machine that may be busy
@pytest.mark.skipif(not INSTALLED, reason="the extra `dask` is not installed; `make test-dask` installs it")
def test_partitions_are_filled_by_two_worker_processes(prefect_server: PrefectServer, database_url: str) -> None:
    users = load(["acci.domain.users"]).projection("user_view")
    with connect(database_url, "test") as connection:
        append_users(connection, 500)
        done = acci(
            "run", "rebuild", "user_view", "--partitions", "4", "--json",
            ACCI_DATABASE_URL=database_url, ACCI_DASK="2", **prefect_server.access,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1])["completed"]
        assert live(connection, users).generation == 1
        assert value(connection, "SELECT count(*) FROM acci.partitions WHERE checkpoint = target") == 4
        assert wrong_rows(connection, users) == 0
    workers = dict(re.findall(r"partition (\d) was filled by process [^/\s]+/(\d+)", done.stderr))
    assert len(workers) == 4, done.stderr
    assert len(set(workers.values())) == 2, workers


@pytest.mark.skipif(INSTALLED, reason="the extra `dask` is installed")
def test_without_dask_the_error_says_how_to_install_it(database_url: str) -> None:
    done = acci("run", "rebuild", "user_view", ACCI_DATABASE_URL=database_url, ACCI_DASK="2")
    assert "pip install 'acci[dask]'" in refusal(done)
