"""The names of what a database has on a Prefect server: as prefect.yaml has them, or all behind a prefix."""

from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from acci.flows.local.declared import flow_of, owned, read_declared
from acci.flows.local.deployments import notification_automation
from acci.flows.local.object_names import OwnNames, UnusablePrefix
from acci.flows.runtime import prefect_events
from acci.store.settings import Settings

DATABASE = UUID(int=1)
FILE: dict[str, Any] = read_declared()
PREFIXES = st.from_regex(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?", fullmatch=True)


def test_without_a_prefix_no_name_changes() -> None:
    found = owned(FILE, OwnNames(), DATABASE)
    for deployment, said in zip(found["deployments"], FILE["deployments"], strict=True):
        assert deployment == said | {"tags": [*said["tags"], f"acci-database:{DATABASE}"]}
    assert found | {"deployments": []} == FILE | {"deployments": []}


def test_with_a_prefix_every_name_changes() -> None:
    found = owned(FILE, OwnNames("shop"), DATABASE)
    named = [each["name"] for part in ("deployments", "automations", "notifications") for each in found[part]]
    named += [trigger["name"] for each in found["deployments"] for trigger in each.get("triggers", [])]
    assert len(named) == len(set(named)) > 20
    assert [name for name in named if not name.startswith("shop-")] == []
    for deployment in found["deployments"]:
        assert deployment["work_pool"]["name"] == "shop-acci"
        assert deployment["work_pool"]["job_variables"]["env"]["ACCI_PREFECT_PREFIX"] == "shop"
        assert "shop-acci" in deployment["tags"]
        assert "acci" not in deployment["tags"]


@given(PREFIXES, PREFIXES | st.just(""))
def test_triggers_of_one_database_ignore_events_of_another(one: str, other: str) -> None:
    assume(one != other)
    mine, theirs = OwnNames(one), OwnNames(other)
    said = {mine.subject("users"), mine.subject(None), *(f"prefect.tag.{tag}" for tag in mine.tags(["acci"]))}
    found = owned(FILE, theirs, DATABASE)
    triggers = [each["trigger"] for each in found["automations"]]
    triggers += [notification_automation(each, "block")["trigger"] for each in found["notifications"]]
    triggers += [trigger for each in found["deployments"] for trigger in each.get("triggers", [])]
    for trigger in triggers:
        related = trigger.get("match_related") or {}
        watched = [trigger.get("match") or {}, *(related if isinstance(related, list) else [related])]
        patterns = [each["prefect.resource.id"] for each in watched if each]
        assert not all(any(fnmatchcase(each, pattern) for each in said) for pattern in patterns)


@pytest.mark.parametrize("prefix", ["Shop", "a b", "-a", "a-", "1a", "a_b", "ä", "a" * 31, "a/b", "a\n"])
def test_a_prefix_that_names_cannot_have_is_refused(prefix: str) -> None:
    with pytest.raises(UnusablePrefix, match="ACCI_PREFECT_PREFIX"):
        OwnNames(prefix)


def test_it_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert OwnNames.of(Settings.from_environment({})) == OwnNames()
    assert OwnNames.of(Settings.from_environment({"ACCI_PREFECT_PREFIX": " shop "})) == OwnNames("shop")
    said: list[dict[str, str]] = []
    monkeypatch.setenv("ACCI_PREFECT_PREFIX", "shop")
    monkeypatch.setattr(prefect_events, "emit_event", lambda **event: said.append(event["resource"]))
    prefect_events.emit(prefect_events.AUDIT_FOUND, "users", {})
    prefect_events.emit(prefect_events.UNHEALTHY, None, {})
    assert [each["prefect.resource.id"] for each in said] == ["shop-acci.read-model.users", "shop-acci.log"]


def test_the_flow_of_a_deployment_is_known_by_its_function() -> None:
    """By which a deployment is found whose name another flow's may have too."""
    from importlib import import_module

    for deployment in FILE["deployments"]:
        module, _, function = deployment["entrypoint"].rpartition(".")
        assert getattr(import_module(module), function).name == flow_of(deployment)
