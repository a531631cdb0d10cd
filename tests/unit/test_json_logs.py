"""Logs as JSON: each record is one object on one line, whatever it holds, and says what is known."""

import io
import json
import logging
import logging.config
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import acci as package
from acci.flows.local import relayed_output
from acci.flows.local.process import _said_by
from acci.flows.local.relayed_output import RelayedOutput
from acci.flows.runtime.logs import FORMATTER
from acci.store.application.json_logs import JsonFormatter
from acci.store.telemetry import Tracing, as_current
from tests.support.shell import acci

STANDARD = {"timestamp", "level", "logger", "message"}
LOG = logging.getLogger("tests.json")


def line(record: logging.LogRecord) -> dict[str, Any]:
    text = JsonFormatter().format(record)
    assert "\n" not in text
    text.encode("ascii")
    found: dict[str, Any] = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    return found


def record(message: object = "Said", *args: object, **extra: object) -> logging.LogRecord:
    return LOG.makeRecord("tests.json", logging.WARNING, __file__, 1, message, args, None, extra=extra)


ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.text()))
NAMES = st.text().filter(lambda name: name not in vars(record()) and name not in ("message", "asctime"))


@given(st.text(), st.dictionaries(NAMES, ANYTHING))
def test_any_record_is_one_object_on_one_line(message: str, extra: dict[str, object]) -> None:
    found = line(record("%s", message, **extra))
    assert (found["message"], found["level"], found["logger"]) == (message, "WARNING", "tests.json")
    assert datetime.fromisoformat(found["timestamp"]).utcoffset() is not None
    assert {name for name, value in extra.items() if value is not None} <= set(found)


def test_what_is_not_known_is_not_there() -> None:
    assert set(line(record())) == STANDARD
    assert set(line(record(color_message="\x1b[1mSaid"))) == STANDARD


def test_an_exception_is_part_of_its_line() -> None:
    error = ValueError("two\nlines")
    found = line(LOG.makeRecord("x", logging.ERROR, "", 1, "It failed", (), (ValueError, error, None)))
    assert found["exception"] == "ValueError: two\nlines"
    assert line(LOG.makeRecord("x", logging.ERROR, "", 1, "It", (), (None, None, None))).keys() == STANDARD


def test_it_says_for_whom_the_program_acts() -> None:
    with package.acting_as(tenant_id="acme", user_id="ann", correlation_id="c1"):
        assert (line(record())["tenant_id"], line(record())["correlation_id"]) == ("acme", "c1")
        assert line(record(tenant_id="hooli"))["tenant_id"] == "hooli"
    assert set(line(record())) == STANDARD


def test_it_says_which_span_it_is_in() -> None:
    tracing = Tracing.to(InMemorySpanExporter())
    with as_current(tracing.start_span("one", {})) as span:
        found = line(record())
    context = span.get_span_context()
    assert (int(found["trace_id"], 16), int(found["span_id"], 16)) == (context.trace_id, context.span_id)
    tracing.close()
    assert set(line(record())) == STANDARD


def test_the_configuration_of_logging_takes_it_as_prefect_names_it() -> None:
    made = logging.config.DictConfigurator({"version": 1}).configure_formatter(
        {"class": FORMATTER, "format": "default"}
    )
    assert isinstance(made, JsonFormatter)
    assert json.loads(made.format(record()))["message"] == "Said"


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, relayed_output.log.name):
        yield caplog


def test_what_another_program_prints_becomes_lines_of_json(
    heard: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    logged = b'{"message": "logged"}\n'
    RelayedOutput(io.BytesIO(b"Started!\n\n" + logged + b"{no\n[1]\n\xff" + b"\n" + b"last")).finish()
    assert heard.messages == ["Started!", "{no", "[1]", "\ufffd", "last"]
    assert capsys.readouterr().err == logged.decode()


def test_why_a_program_ended_is_read_from_json_too() -> None:
    assert _said_by('{"message": "It failed", "exception": "Traceback\\nValueError: why"}') == [
        "It failed",
        "Traceback",
        "ValueError: why",
    ]
    assert _said_by("ValueError: why") == ["ValueError: why"]


@pytest.mark.parametrize(
    "words", ["follow", "metrics --serve 0 --host 192.0.2.1", "serve --port 0 --host 192.0.2.1", "worker"]
)
def test_a_refusal_is_a_line_of_the_log(words: str, tmp_path: Path) -> None:
    own = {"ACCI_LOG_FORMAT": "json", "ACCI_HOME": str(tmp_path), "ACCI_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    done = acci(*words.split(), **own)
    assert (done.returncode, done.stdout) == (1, "")
    found = json.loads(done.stderr)
    assert (found["level"], found["logger"]) == ("ERROR", "acci")
    assert found["error"] in ("DatabaseUnreachable", "CannotServe", "AddressRefused", "NoPrefectServer")


def test_a_fault_that_ends_the_program_is_a_line_of_the_log() -> None:
    program = """
import threading, warnings
from acci.flows.runtime.logs import set_up
from acci.store.settings import Settings
set_up(Settings.from_environment({"ACCI_LOG_FORMAT": "json"}))
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
warnings.warn("take care")
raise KeyError("gone")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    found = [json.loads(each) for each in done.stderr.splitlines()]
    assert done.returncode == 1
    assert [(each["level"], each["logger"]) for each in found] == [
        ("CRITICAL", "acci"), ("WARNING", "py.warnings"), ("CRITICAL", "acci")
    ]  # fmt: skip
    assert "ZeroDivisionError" in found[0]["exception"]
    assert "take care" in found[1]["message"]
    assert "KeyError" in found[2]["exception"]
