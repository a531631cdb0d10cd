"""A project's own prefect.yaml and schedules, over those of the package."""

from pathlib import Path
from typing import Any

import pytest

from acci.domain.errors import UnknownName
from acci.flows.local.declared import declared, read_declared
from acci.flows.local.own_deployments import UnusableDeployments
from acci.store.settings import Settings, WrongSetting


def applied(folder: Path, *, yaml: str | bytes | None = None, toml: str = "") -> dict[str, dict[str, Any]]:
    """The deployments by name, with these lines below `[tool.acci.schedules]` and this `prefect.yaml`."""
    (folder / "pyproject.toml").write_text(f"[tool.acci.schedules]\n{toml}\n")
    if yaml is not None:
        (folder / "prefect.yaml").write_bytes(yaml if isinstance(yaml, bytes) else yaml.encode())
    found = declared(Settings.from_environment({"ACCI_PROJECT": str(folder)}))
    return {each["name"]: each for each in found["deployments"]}


PACKAGE = {each["name"]: each for each in read_declared()["deployments"]}


def test_without_any_they_are_the_packages(tmp_path: Path) -> None:
    assert applied(tmp_path) == PACKAGE
    assert applied(tmp_path, yaml="") == PACKAGE
    assert declared(Settings.from_environment({})) == read_declared()


def test_a_deployment_of_the_same_name_is_overridden_and_the_others_stay(tmp_path: Path) -> None:
    own = """
deployments:
  - name: audit
    parameters: {one_in: 2}
    schedules: [{cron: "1 1 * * *"}, {interval: 7200, slug: often, active: false}]
    concurrency_limit: 3
    work_pool: {job_variables: {env: {ACCI_TIMEOUT_SECONDS: "60"}}}
"""
    found = applied(tmp_path, yaml=own)
    audit = found.pop("audit")
    assert found == {name: each for name, each in PACKAGE.items() if name != "audit"}
    assert audit["parameters"] == PACKAGE["audit"]["parameters"] | {"one_in": 2}
    assert audit["schedules"] == [
        {"cron": "1 1 * * *", "slug": "own-1"},
        {"interval": 7200, "slug": "often", "active": False},
    ]
    assert audit["concurrency_limit"] == 3
    assert audit["entrypoint"] == PACKAGE["audit"]["entrypoint"]
    pool = PACKAGE["audit"]["work_pool"]
    env = pool["job_variables"]["env"] | {"ACCI_TIMEOUT_SECONDS": "60"}
    assert audit["work_pool"] == pool | {"job_variables": {"env": env}}


def test_a_new_one_has_what_the_packages_have(tmp_path: Path) -> None:
    own = "deployments: [{name: nightly, entrypoint: shop.flows.nightly, tags: [shop]}]"
    found = applied(tmp_path, yaml=own, toml='nightly = "1d"')
    assert list(found) == [*PACKAGE, "nightly"]
    assert found["nightly"] == {
        "name": "nightly",
        "entrypoint": "shop.flows.nightly",
        "description": "",
        "parameters": {},
        "tags": ["acci", "shop"],
        "schedules": [{"interval": 86400, "timezone": "UTC", "slug": "project", "active": True}],
        "work_pool": {
            "name": "acci",
            "work_queue_name": "live",
            "job_variables": {"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}},
        },
    }


def test_queues_automations_and_notifications_are_overridden_by_name_too(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "work_queues: [{name: live, concurrency_limit: 1}, {name: mine}]\n"
        "automations: [{name: mine, trigger: {type: event}, actions: []}]\n"
        'notifications: [{name: "acci alert: new dead letters", subject: Look}]\n'
        "deployments: [{name: audit, work_pool: {work_queue_name: mine}}]\n"
    )
    found, package = declared(Settings.from_environment({}), tmp_path / "own.yaml"), read_declared()
    assert found["work_queues"] == [
        package["work_queues"][0] | {"concurrency_limit": 1}, *package["work_queues"][1:], {"name": "mine"},
    ]  # fmt: skip
    assert [each["name"] for each in found["automations"]] == [*(a["name"] for a in package["automations"]), "mine"]
    assert [each["subject"] for each in found["notifications"]].count("Look") == 1
    assert len(found["notifications"]) == len(package["notifications"])


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("deployments: [", "it is not YAML"),
        (b"name: \xff", "it is not UTF-8"),
        ("name: 2026-13-45", "it is not YAML (month must be in 1..12"),
        ("- 1", "the file: Input should be"),
        ("deployment: []", "deployment: Extra inputs"),
        ("pull: [{prefect.deployments.steps.git_clone: {}}]", "pull: List should have at most 0 items"),
        ("deployments: [{}]", "deployments.0.name: Field required"),
        ("deployments: [{name: a/b, entrypoint: a.b}]", "deployments.0.name: String should match"),
        ("deployments: [{name: new}]", "new in deployments has no entrypoint"),
        ("deployments: [{name: new, entrypoint: 'flows/a.py:b'}]", "deployments.0.entrypoint: String should match"),
        ("deployments: [{name: audit, entrypoint: null}]", "deployments.0.entrypoint: Input should be a valid string"),
        ("deployments: [{name: audit, schedule: {}}]", "deployments.0.schedule: Extra inputs"),
        ("deployments: [{name: audit}, {name: audit}]", "audit in deployments is there twice"),
        ("deployments: [{name: audit, schedules: [{}]}]", "it is one of cron, interval, rrule"),
        ("deployments: [{name: audit, schedules: [{cron: a, interval: 3}]}]", "it is one of cron, interval, rrule"),
        (
            "deployments: [{name: audit, work_pool: {name: gpu}}]",
            "deployments.0.work_pool.name: Input should be 'acci'",
        ),
        ("deployments: [{name: audit, work_pool: {work_queue_name: x}}]", "the work queue of audit is none of live"),
        (
            "deployments: [{name: audit, work_pool: {job_variables: {env: {A: 3}}}}]",
            "deployments.0.work_pool.job_variables.env.A: Input should be a valid string",
        ),
        ("deployments: [{name: audit, triggers: [{type: event}]}]", "deployments.0.triggers.0.name: Field required"),
        ("automations: [{name: a}]", "a in automations has no trigger"),
        ("automations: [{name: a, actions: [], trigger: {match: 3}}]", "automations.0.trigger.match"),
        ("notifications: [{name: a, expect: []}]", "a in notifications has no subject"),
    ],
)
def test_what_cannot_be_applied_is_refused_with_its_place(tmp_path: Path, yaml: str | bytes, said: str) -> None:
    with pytest.raises(UnusableDeployments) as refused:
        applied(tmp_path, yaml=yaml)
    assert said in str(refused.value)
    assert str(tmp_path / "prefect.yaml") in str(refused.value)


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableDeployments, match="No such file"):
        declared(Settings.from_environment({"ACCI_PREFECT_FILE": str(tmp_path / "none.yaml")}))


@pytest.mark.parametrize(
    ("text", "schedule", "frequent"),
    [
        ("15m", {"interval": 900}, True),
        ("90s", {"interval": 90}, True),
        ("2h", {"interval": 7200}, True),
        ("7d", {"interval": 604_800}, False),
        ("*/5 * * * *", {"cron": "*/5 * * * *"}, True),
        ("0 8-18/2 * * mon-fri", {"cron": "0 8-18/2 * * mon-fri"}, True),
        ("17 3 1,15 JAN,dec 0", {"cron": "17 3 1,15 JAN,dec 0"}, False),
    ],
)
@pytest.mark.parametrize("name", ["audit", "catch-up"])
def test_a_schedule_of_the_project_replaces_the_packages(
    tmp_path: Path, name: str, text: str, schedule: dict[str, Any], frequent: bool
) -> None:
    """One that runs within the day is frequent: scheduled runs do not pile up. One that is not waits for its turn."""
    changed = applied(tmp_path, toml=f'{name} = "{text}"')[name]
    assert changed["schedules"] == [{**schedule, "timezone": "UTC", "slug": "project", "active": True}]
    assert ("frequent" in changed["tags"]) == frequent
    assert {**changed, "schedules": 0, "tags": 0} == {**PACKAGE[name], "schedules": 0, "tags": 0}


def test_off_leaves_the_schedule_there_switched_off(tmp_path: Path) -> None:
    found = applied(tmp_path, toml='audit = "off"')["audit"]
    assert found == PACKAGE["audit"] | {"schedules": [PACKAGE["audit"]["schedules"][0] | {"active": False}]}


@pytest.mark.parametrize(
    "text",
    [
        "on", "OFF", "0m", "-5m", "5", "5 m", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *",
        "* * * 13 *", "* * * * 8", "*/0 * * * *", "9-5 * * * *", "*-5 * * * *", "a * * * *", "* * * * monday",
        "1,,2 * * * *", "@daily", "99999999999d",
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(WrongSetting) as refused:
        applied(tmp_path, toml=f'audit = "{text}"')
    assert f"schedules.audit in [tool.acci] of {tmp_path}/pyproject.toml is '{text}'" in str(refused.value)
    assert 'an interval ("30s", "15m", "2h", "1d") or "off"' in str(refused.value)


def test_a_schedule_of_no_deployment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"There is no deployment named 'audits'. Known: audit, audit-sample"):
        applied(tmp_path, toml='audits = "off"')
