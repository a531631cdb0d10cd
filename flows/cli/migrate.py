"""`acci migrate`: the schema."""

from acci.flows.cli.printing import JsonFlag, console, print_json
from acci.store.settings import Settings


def migrate(json: JsonFlag = False) -> None:
    """Bring the database's schema up to date."""
    from acci.store.database_url import direct_url
    from acci.store.log.event_ids import make_unique
    from acci.store.postgres.migrations import migrate as apply

    settings = Settings.from_environment()
    url = direct_url(settings)
    applied = apply(url)
    changed = None if settings.unique_event_ids is None else make_unique(url, settings.unique_event_ids)
    if json:
        print_json({"applied": applied, "changed": changed})
    else:
        done = [*(f"applied {name}" for name in applied), *([changed] if changed else [])]
        console().print("\n".join(done) or "The schema is up to date.")
