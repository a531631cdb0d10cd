"""Log records as JSON, one object a line, for a program that collects them.

A formatter of our own: with a package for it the base would have one more, and what is known besides a record, for whom
the program acts and which trace it is in, no package knows.
"""

import json
import logging
import math
from datetime import UTC, datetime
from typing import Any

from acci.store.application.acting import acting
from acci.store.telemetry import current_ids

# What every record has; the rest was given by who logs, as `extra`. uvicorn repeats the message in colours.
OF_EVERY_RECORD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """timestamp (ISO 8601, UTC), level, logger, message; exception and stack, where there are; then what is known more.

    That is trace_id and span_id of OpenTelemetry's current span, tenant_id and correlation_id of `acci.acting_as`, and
    whatever the record was given as `extra`, which beats them. What JSON does not know is its text.
    """

    def __init__(self, *_: object) -> None:  # logging.config gives a format, which has no meaning here
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        acts = acting()
        known: dict[str, object] = dict(zip(("trace_id", "span_id"), current_ids(), strict=False))
        known |= {"tenant_id": acts.tenant_id, "correlation_id": acts.correlation_id}
        given = {name: value for name, value in vars(record).items() if name not in OF_EVERY_RECORD}
        more = {name: _plain(value) for name, value in (known | given).items() if value is not None}
        return json.dumps(line | {name: value for name, value in more.items() if name not in line})


def _plain(value: Any) -> str | int | float | bool:
    if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)
