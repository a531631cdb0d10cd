"""Schedules that a project sets in `[tool.acci.schedules]`: a deployment's name, and when it runs."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from acci.domain.errors import UnknownName
from acci.store.settings import WrongSetting

WANTED = 'a cron line ("*/5 * * * *", UTC), an interval ("30s", "15m", "2h", "1d") or "off"'
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
INTERVAL = re.compile(r"([1-9]\d{0,7})([smhd])")
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
NAMES = ("", "", "", "jan feb mar apr may jun jul aug sep oct nov dec", "sun mon tue wed thu fri sat")
PART = re.compile(r"(\*|\d{1,2}|[a-z]{3})(?:-(\d{1,2}|[a-z]{3}))?(?:/([1-9]\d?))?")
FREQUENT = "frequent"  # a scheduled run of such a deployment does not wait for another, so that they do not pile up
DAY = 86_400


def scheduled(
    deployments: Sequence[Mapping[str, Any]], schedules: Sequence[tuple[str, str]], where: str
) -> list[dict[str, Any]]:
    """The deployments with these schedules instead of their own; `off` leaves theirs there, switched off.

    Raises `UnknownName`, and `WrongSetting` for what is no schedule of `where`.
    """
    wanted = dict(schedules)
    known = tuple(each["name"] for each in deployments)
    for name in wanted:
        if name not in known:
            raise UnknownName("deployment", name, known)
    return [
        _changed(each, wanted[each["name"]], f"schedules.{each['name']} in {where}")
        if each["name"] in wanted
        else dict(each)
        for each in deployments
    ]


def _changed(deployment: Mapping[str, Any], text: str, name: str) -> dict[str, Any]:
    if text == "off":
        return {**deployment, "schedules": [{**each, "active": False} for each in deployment["schedules"]]}
    schedule: dict[str, Any]
    if found := INTERVAL.fullmatch(text):
        seconds = int(found[1]) * SECONDS[found[2]]
        schedule, frequent = {"interval": seconds}, seconds < DAY
    elif _is_cron(text):
        schedule, frequent = {"cron": text}, not text.split()[1].isdigit()
    else:
        raise WrongSetting(name, text, WANTED)
    parameters = {key: each[key] for each in deployment["schedules"][:1] for key in ("parameters",) if key in each}
    tags = [tag for tag in deployment["tags"] if tag != FREQUENT] + ([FREQUENT] if frequent else [])
    own = {**schedule, "timezone": "UTC", "slug": "project", "active": True, **parameters}
    return {**deployment, "tags": tags, "schedules": [own]}


def _is_cron(text: str) -> bool:
    fields = text.lower().split()
    return len(fields) == len(BOUNDS) and all(map(_is_field, fields, BOUNDS, NAMES))


def _is_field(field: str, bounds: tuple[int, int], names: str) -> bool:
    return all(_is_part(part, bounds, names.split()) for part in field.split(","))


def _is_part(part: str, bounds: tuple[int, int], names: list[str]) -> bool:
    found = PART.fullmatch(part)
    if found is None or (found[1] == "*" and found[2]):
        return False
    places = [_place(each, bounds, names) for each in (found[1], found[2]) if each and each != "*"]
    return all(bounds[0] <= place <= bounds[1] for place in places) and places == sorted(places)


def _place(text: str, bounds: tuple[int, int], names: list[str]) -> int:
    """The number; of a name that of its place; below all bounds if there is none of that name."""
    if text.isdigit():
        return int(text)
    return names.index(text) + bounds[0] if text in names else -1
