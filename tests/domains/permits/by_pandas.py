"""What both read models have to hold, computed from the CSV by pandas alone."""

from pathlib import Path
from typing import Any

import pandas as pd

Rows = dict[tuple[Any, ...], dict[str, Any]]
STATUS = {
    "Confirmation of receipt": "received",
    "T05 Print and send confirmation of receipt": "confirmed",
    "T10 Determine necessity to stop indication": "decided",
}


def read(csv: Path) -> pd.DataFrame:
    frame = pd.read_csv(csv, dtype=str, keep_default_na=False)
    frame["at"] = pd.to_datetime(frame["time:timestamp"], utc=True, format="ISO8601")
    frame["deadline"] = pd.to_datetime(frame["case:deadline"], utc=True, format="ISO8601")
    return frame


def permit_cases(frame: pd.DataFrame) -> Rows:
    """By case id; the lines of a case are in the order of its steps."""
    rows: Rows = {}
    for case, lines in frame.groupby("case:concept:name", sort=False):
        first, last = lines.iloc[0], lines.iloc[-1]
        rows[(case,)] = {
            "channel": first["case:channel"],
            "department": first["case:department"],
            "team": first["case:group"] or None,
            "responsible": first["case:responsible"],
            "deadline": first["deadline"].to_pydatetime(),
            "status": lines["concept:name"].map(STATUS).dropna().iloc[-1],
            "steps": len(lines),
            "first_step": first["concept:name"],
            "first_step_at": lines["at"].min().to_pydatetime(),
            "last_step": last["concept:name"],
            "last_step_at": lines["at"].max().to_pydatetime(),
        }
    return rows


def steps_per_day(frame: pd.DataFrame) -> Rows:
    """By day, as the clocks in Amsterdam had it, and group."""
    day = frame["at"].dt.tz_convert("Europe/Amsterdam").dt.date
    group = frame["org:group"].replace("EMPTY", "nobody")
    received = (frame["concept:name"] == "Confirmation of receipt").astype(int)
    counted = frame.assign(day=day, group=group, received=received).groupby(["day", "group"])
    table = counted.agg(steps=("at", "size"), received=("received", "sum"), first=("at", "min"), last=("at", "max"))
    return {
        (key[0], key[1]): {
            "steps": int(row["steps"]),
            "received": int(row["received"]),
            "first_at": row["first"].to_pydatetime(),
            "last_at": row["last"].to_pydatetime(),
        }
        for key, row in zip(table.index, table.to_dict("records"), strict=True)
    }
