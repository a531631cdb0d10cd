"""`build-read-models`: every registered read model built and caught up, without Prefect; pages begin there."""

from acci.store.encryption.configured import key_store
from acci.store.postgres.database import connect
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import load
from acci.store.settings import Settings


def main() -> None:
    settings = Settings.from_environment()
    catalogue = load(settings.contexts)
    with connect(str(settings.database_url), "test", keys=key_store(settings)) as connection:
        for projection in catalogue.projections.values():
            build.rebuild(connection, catalogue, projection)
            catch_up(connection, catalogue, projection)


if __name__ == "__main__":
    main()
