"""`acci send`, `query`, `import` and `simulate` as a shell sees them: what they print, and how they refuse."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.shell import CHECKOUT, acci, command, refusal

PERMITS = CHECKOUT / "tests" / "domains" / "permits"
ANN = '{"user_id": "u1", "email": "ann@acme.example", "name": "Ann"}'


@pytest.fixture
def database(database_url: str) -> dict[str, str]:
    return {"ACCI_DATABASE_URL": database_url}


def test_a_command_is_sent_once(database: dict[str, str]) -> None:
    again = ["--id", "7b3e0e9e-7d4b-4b0e-9a53-3d1f8f7d2a10", "--tenant", "acme", "--user", "clerk"]
    done = acci("send", "CreateUser", ANN, *again, **database)
    assert done.stdout == "UserCreated, version 1 of u1, at position 1\n"
    assert acci("send", "CreateUser", "-", *again, input=ANN, **database).stdout == done.stdout
    answer = json.loads(acci("send", "CreateUser", ANN, *again, "--json", **database).stdout)
    assert answer["command_id"] == again[1]
    assert [(event["event_type"], event["version"]) for event in answer["events"]] == [("UserCreated", 1)]
    update = ["send", "UpdateUser", ANN, "--tenant", "acme", "--user", "clerk"]
    assert acci(*update, "--expected-version", "1", **database).stdout == "Nothing had to change.\n"


def created(user: str) -> list[str]:
    return [
        "send",
        "CreateUser",
        json.dumps(json.loads(ANN) | {"user_id": user}),
        "--tenant",
        "acme",
        "--user",
        "clerk",
    ]


def test_what_was_sent_is_printed_in_any_encoding(database: dict[str, str]) -> None:
    """The command is stored by then: an id that cannot be printed is escaped, and is unchanged in JSON."""
    ascii_only = database | {"PYTHONIOENCODING": "ascii"}
    assert acci(*created("zoë"), **ascii_only).stdout == "UserCreated, version 1 of zo\\xeb, at position 1\n"
    for number, encoding in enumerate(("ascii", "latin-1"), 1):
        done = acci(*created(f"zoë 🙂 {number}"), "--json", **database, PYTHONIOENCODING=encoding)
        assert json.loads(done.stdout)["events"][0]["aggregate_id"] == f"zoë 🙂 {number}"
    acci(*created("zoe"), **database)
    told = acci("history", "zoe", "--tenant", "acme", **database, PYTHONIOENCODING="latin-1")
    assert "name: '' \\u2192 'Ann'" in told.stdout
    refused = acci("send", "Zoë", "{}", "--tenant", "acme", "--user", "clerk", "--json", **ascii_only)
    assert "'Zoë'" in json.loads(refused.stderr)["error"]


def test_control_characters_in_an_id_are_escaped(database: dict[str, str]) -> None:
    done = acci(*created("\x1b[2Jzoë\n[bold]"), **database)
    assert done.stdout == "UserCreated, version 1 of \\x1b[2Jzoë\\n[bold], at position 1\n"


def in_shell(line: str, database: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What a shell does with the line."""
    return subprocess.run(
        ["/bin/sh", "-c", line], cwd=CHECKOUT, env=os.environ | database, capture_output=True, text=True, check=False
    )


def test_standard_input_that_is_closed(database: dict[str, str]) -> None:
    line = f"{shlex.join(command(['send', 'CreateUser', '-', '--tenant', 'acme', '--user', 'clerk']))} <&-"
    assert "standard input is closed" in refusal(in_shell(line, database))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no file that is always full")
def test_unwritable_standard_output_is_an_error(database: dict[str, str]) -> None:
    done = in_shell(f"{shlex.join(command(created('full')))} >/dev/full", database)
    assert "what was done before stays done" in refusal(done)
    done = in_shell(f"{shlex.join(command(created('closed')))} >&-", database)
    assert "it is closed; nothing was done" in refusal(done)
    for user, there in (("full", True), ("closed", False)):
        told = json.loads(acci("history", user, "--tenant", "acme", "--json", **database).stdout)
        assert bool(told) is there
    for line in (["status"], ["history", "full", "--tenant", "acme"]):
        assert "cannot be written" in refusal(in_shell(f"{shlex.join(command(line))} >/dev/full", database))


@pytest.mark.parametrize(
    ("command", "data", "said"),
    [
        ("CreateUsr", "{}", "There is no command named 'CreateUsr'. Known: CreateUser,"),
        ("CreateUser", '{"user_id": "u1"}', "CreateUser is not valid: email: field required; name: field required."),
        ("CreateUser", ANN.replace('"u1"', "1"), "user_id: input should be a valid string"),
        ("CreateUser", ANN.replace("}", ', "age": 3}'), "age: extra inputs are not permitted"),
        ("CreateUser", ANN.replace("Ann", "A\\u0000"), "name"),
        ("CreateUser", ANN.replace("Ann", "\\ud800"), "surrogate"),
        ("CreateUser", "{", "This is not a JSON object that can be read: expecting property name"),
        ("CreateUser", "[]", "it is a list, not an object"),
        ("CreateUser", '{"user_id": NaN}', "NaN is no number in JSON"),
        ("CreateUser", "", "expecting value at character 1"),
        ("DeleteUser", '{"user_id": "u1"}', "DeleteUser was refused for 'u1': there is no such user."),
    ],
)
def test_send_refuses_in_one_sentence(database: dict[str, str], command: str, data: str, said: str) -> None:
    done = acci("send", command, "-", "--tenant", "acme", "--user", "clerk", input=data, **database)
    assert said in refusal(done)


def test_send_refuses_bytes_that_are_no_text(database: dict[str, str]) -> None:
    done = acci("send", "CreateUser", "-", "--tenant", "a", "--user", "b", input=b'{"a": "\xff"}', **database)
    assert "byte 8 is not UTF-8" in refusal(done)


def test_send_refuses_another_version(database: dict[str, str]) -> None:
    done = acci("send", "CreateUser", ANN, "--tenant", "a", "--user", "b", "--expected-version", "3", **database)
    assert "'u1' is at version 0, not at the expected 3" in refusal(done)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["query", "find_users"], "There is no query named 'find_users'. Known: get_user, search_users."),
        (["query", "search_users"], "tenant_id: field required: give it with --tenant; query: field required. Correct"),
        (
            ["query", "search_users", '{"query": "a"}', "--all-tenants"],
            "so: tenant_id: field required: give it with --tenant, also with --all-tenants. Correct it and ask again.",
        ),
        (["query", "search_users", '{"query": 3}', "--tenant", "a"], "query: input should be a valid string"),
        (["query", "search_users", '{"query": "a"}', "--tenant", "a"], "Fill the read model with"),
        (["query", "search_users", "{"], "This is not a JSON object"),
        (["import", "no-such.csv", "--mapping", "none.toml"], "there is no such file"),
        (["import", PERMITS / "sample.csv", "--mapping", "none.toml"], "No such file or directory"),
        (["import", PERMITS / "sample.csv", "--mapping", PERMITS / "receipt.toml"], "no event 'CaseReceived'"),
        (["simulate", "--context", "permits"], "There is no simulation named 'permits'. Known: users."),
    ],
)
def test_one_sentence(database: dict[str, str], arguments: list[str | Path], said: str) -> None:
    assert said in refusal(acci(*arguments, **database))


@pytest.mark.parametrize(
    "arguments",
    [
        ["send"],
        ["send", "CreateUser", "{}"],
        ["send", "CreateUser", "{}", "--tenant", "a", "--user", "b", "--id", "7"],
        ["query", "get_user", '{"tenant_id": "a"}', "--tenant", "b"],
        ["import", "file.csv"],
        ["simulate", "--events", "0"],
        ["simulate", "--days", "nan"],
        ["simulate", "--live", "inf"],
        ["simulate", "--until", "0001-01-01"],
    ],
)
def test_wrong_usage(database: dict[str, str], arguments: list[str]) -> None:
    done = acci(*arguments, **database)
    assert done.returncode == 2
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreachable_database() -> None:
    nowhere = "postgresql://acci@127.0.0.1:9/acci"
    for arguments in (
        ["send", "CreateUser", ANN, "--tenant", "a", "--user", "b"],
        ["query", "get_user", '{"id": "a"}', "--tenant", "a"],
        ["simulate", "--events", "10"],
    ):
        assert "cannot be reached" in refusal(acci(*arguments, ACCI_DATABASE_URL=nowhere))


def test_a_file_becomes_events_and_answers(database: dict[str, str]) -> None:
    """Import, build, query: a domain that nothing but the setting knows."""
    from acci.store.postgres.database import connect
    from acci.store.rebuilding import build
    from acci.store.registry import load

    setting = {**database, "ACCI_CONTEXTS": "tests.domains.permits"}
    mapping: list[str | Path] = ["--mapping", PERMITS / "receipt.toml"]
    checked = acci("import", PERMITS / "sample.csv", *mapping, "--dry-run", **setting)
    assert checked.stdout == "sample.csv: 39 lines would become events, 0 are bad. Nothing was stored.\n"
    assert acci("import", PERMITS / "sample.csv", *mapping, **setting).stdout == "sample.csv: 39 events stored.\n"
    assert "imported already" in refusal(acci("import", PERMITS / "sample.csv", *mapping, **setting))
    again = acci("import", PERMITS / "sample.csv", *mapping, "--resume", **setting)
    assert (again.returncode, again.stdout) == (0, "sample.csv was imported before: 39 events. Nothing was stored.\n")

    catalogue = load(["tests.domains.permits"])
    with connect(database["ACCI_DATABASE_URL"], "test") as connection:
        for projection in catalogue.projections.values():
            build.rebuild(connection, catalogue, projection)
    asked = ["query", "get_permit_case", '{"id": "case-1"}', "--tenant", "municipality"]
    answer = json.loads(acci(*asked, "--json", **setting).stdout)
    assert (answer["channel"], answer["steps"], answer["status"]) == ("Internet", 5, "confirmed")
    assert "Confirmation of receipt" in acci(*asked, **setting).stdout
    none = acci("query", "get_permit_case", '{"id": "none"}', "--tenant", "municipality", "--json", **setting)
    assert none.stdout == "null\n"


def test_bad_lines_are_listed(database: dict[str, str], tmp_path: Path) -> None:
    lines = (PERMITS / "sample.csv").read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace("2019-03-30", "2019-13-30")
    lines[5] = "too,few,cells\n"
    (tmp_path / "bad.csv").write_text("".join(lines))
    setting = {**database, "ACCI_CONTEXTS": "tests.domains.permits"}
    arguments: list[str | Path] = ["import", tmp_path / "bad.csv", "--mapping", PERMITS / "receipt.toml"]
    done = acci(*arguments, **setting)
    assert done.returncode == 1
    assert done.stderr.startswith("acci: bad.csv: 2 lines cannot be stored, so nothing was.")
    assert "\n  line 3: the timestamp '2019-13-30" in done.stderr
    assert "\n  line 6: it has 3 cells, and the header 15" in done.stderr
    told = json.loads(acci(*arguments, "--json", **setting).stderr)
    assert told["type"] == "BadLines"
    done = acci(*arguments, "--resume", "--json", **setting)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["events"], report["bad_lines"]) == (37, 2)
    assert [line["line"] for line in report["rejected"]] == [3, 6]


def test_simulate_appends_a_history(database: dict[str, str]) -> None:
    done = acci("simulate", "--events", "1000", "--writers", "2", "--json", **database)
    assert json.loads(done.stdout)["events"] == 1000
    done = acci("simulate", "--live", "50", "--seconds", "0.5", **database)
    assert done.returncode == 0
    assert "events in" in done.stdout
