"""`acci config`: every setting, and where its value comes from."""

import os

from acci.flows.cli.printing import JsonFlag, console, print_json, print_table
from acci.store.settings import VARIABLES, Found, found_settings, hide_password, shown_topic

HIDDEN = "(hidden)"


def config(json: JsonFlag = False) -> None:
    """Show every setting, and where its value comes from.

    Secrets are hidden. A value comes from the environment, else from [tool.acci] in your project's pyproject.toml,
    else it is the default.
    """
    project, found = found_settings()
    rows = [(each.setting.key, each.setting.variable or None, _shown(each), each.origin) for each in found]
    if json:
        listed = [dict(zip(("setting", "variable", "value", "origin"), row, strict=True)) for row in rows]
        print_json({"project": project, "settings": listed, "unknown": _unknown()})
        return
    print_table(("setting", "value", "from"), ((key, _text(value), origin) for key, _, value, origin in rows))
    console().print(f"Project: {project or 'none; this is the checkout of ACCI'}", markup=False, soft_wrap=True)
    if unknown := _unknown():
        console().print(f"In the environment and not known: {', '.join(unknown)}.", markup=False, soft_wrap=True)


def _shown(found: Found) -> object:
    """The value as JSON has it, without what is secret."""
    value = found.value
    if value and found.setting.secret:
        return HIDDEN
    if isinstance(value, str):
        return hide_password(value)
    if found.setting.field == "schedules":
        return dict(value) if isinstance(value, tuple) else value
    if found.setting.field == "topics" and isinstance(value, tuple):
        return {name: shown_topic(topic) for name, topic in value}
    return value


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} = {each}" for name, each in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _unknown() -> list[str]:
    """Variables that look like a setting and are none."""
    return sorted(name for name in os.environ if name.startswith("ACCI_") and name not in VARIABLES)
