"""`acci migrate`: the schema."""

from flows.cli.printing import JsonFlag, console, print_json
from store.settings import Settings


def migrate(json: JsonFlag = False) -> None:
    """Bring the database's schema up to date."""
    from store.embedded import direct_url
    from store.migrations import migrate as apply

    applied = apply(direct_url(Settings.from_environment()))
    if json:
        print_json({"applied": applied})
    else:
        console().print("\n".join(f"applied {name}" for name in applied) or "The schema is up to date.")
