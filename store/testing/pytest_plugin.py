"""Fixtures for pytest: a database of the test's own, an application on it, its read models brought up to date.

pytest finds them by itself where ACCI is installed. Nothing of ACCI is imported before a test asks for one of them.
The server is an embedded one, started for the run and removed after it; or that of ACCI_TEST_DATABASE_URL, whose login
may make databases and roles.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from acci.store.extras import needs

with needs("testing"):
    import pytest

if TYPE_CHECKING:  # pytest imports this module in every project beside ACCI, whether its tests want it or not
    from acci.store.application.application import Application
    from acci.store.registry import Catalogue
    from acci.store.settings import Settings
    from acci.store.testing.servers import SharedServer


@pytest.fixture(scope="session")
def acci_contexts() -> tuple[str, ...]:
    """The modules of the domains: those of the settings, unless a project's own fixture of this name says others."""
    from acci.store.settings import Settings

    with _in_a_sentence():
        return Settings.from_environment().contexts


@pytest.fixture(scope="session")
def acci_catalogue(acci_contexts: tuple[str, ...]) -> "Catalogue":
    """What these contexts register."""
    from acci.store.registry import load

    with _in_a_sentence():
        return load(acci_contexts)


@pytest.fixture(scope="session")
def acci_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SharedServer]":
    """The PostgreSQL of this run, shared by its processes; the last of them ends it."""
    with _in_a_sentence():
        from acci.store.testing.servers import SharedServer

    base = tmp_path_factory.getbasetemp()
    folder = base.parent if hasattr(request.config, "workerinput") else base
    url = os.environ.get("ACCI_TEST_DATABASE_URL", "").strip() or None
    server = SharedServer(folder / "acci", url)
    try:
        with _in_a_sentence("ACCI_TEST_DATABASE_URL: " if url else ""):
            server.start()
        yield server
    finally:
        server.leave()


@pytest.fixture
def acci_settings(
    acci_server: "SharedServer", acci_catalogue: "Catalogue", acci_contexts: tuple[str, ...]
) -> "Iterator[Settings]":
    """The settings of a program that runs on the test's own database; the environment says the same meanwhile."""
    with _in_a_sentence():
        from acci.store.encryption.configured import key_store
        from acci.store.settings import Settings
        from acci.store.testing.fresh_databases import needs_keys, prepare

        template = acci_server.template(repr(acci_contexts), lambda url: prepare(url, acci_catalogue))
    with pytest.MonkeyPatch.context() as patch, acci_server.database(template) as url:
        patch.setenv("ACCI_DATABASE_URL", url)
        patch.setenv("ACCI_CONTEXTS", ",".join(acci_contexts))
        patch.delenv("ACCI_DIRECT_URL", raising=False)
        patch.delenv("ACCI_READ_URL", raising=False)
        patch.delenv("ACCI_KEYS_URL", raising=False)
        patch.delenv("ACCI_MASTER_KEY", raising=False)
        if not needs_keys(acci_catalogue):
            yield Settings.from_environment()
            return
        with acci_server.database() as keys_url:
            patch.setenv("ACCI_KEYS_URL", keys_url)
            settings = Settings.from_environment()
            yield settings
            keys = key_store(settings)
            if keys is not None:
                keys.close()


@pytest.fixture
def acci_database(acci_settings: "Settings") -> str:
    """The URL of a database of the test's own: with ACCI's schema, read models live and empty, dropped at the end.

    Within the test ACCI_DATABASE_URL names it too, so what the test starts does not meet yours.
    """
    return str(acci_settings.database_url)


@pytest.fixture
def acci_application(acci_settings: "Settings") -> "Iterator[Application]":
    """An `acci.Application` on that database; what it is called for is for tenant "test" by "test", unless it says."""
    from acci.store.application.acting import acting_as
    from acci.store.application.application import Application
    from acci.store.testing.decided import SENDER
    from acci.store.testing.histories import TENANT

    with Application(settings=acci_settings) as application, acting_as(tenant_id=TENANT, user_id=SENDER):
        yield application


@pytest.fixture
def acci_catch_up(acci_settings: "Settings", acci_catalogue: "Catalogue") -> Callable[[], None]:
    """A function: afterwards every read model has what was appended before, so that queries answer, without Prefect.

    It raises AssertionError if there are events that a projection could not apply.
    """
    from acci.store.encryption.configured import key_store
    from acci.store.testing.fresh_databases import catch_up_all

    return lambda: catch_up_all(str(acci_settings.database_url), acci_catalogue, key_store(acci_settings))


@contextmanager
def _in_a_sentence(about: str = "") -> Iterator[None]:
    """What ACCI refuses within fails the test with its sentence, without a traceback."""
    from acci.domain.errors import AcciError

    try:
        yield
    except AcciError as error:
        pytest.fail(f"{about}{error}", pytrace=False)
