"""Settings come from the environment, then the project's `[tool.acci]`, then defaults."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acci.domain.errors import AcciError
from acci.store.settings import (
    CHECKOUT,
    Limits,
    SecretInFile,
    Settings,
    Topic,
    UnknownSetting,
    UnusableProject,
    WrongSetting,
    found_settings,
    hide_password,
)
from acci.store.settings.definitions import SETTINGS
from acci.store.settings.passwords import has_password

FILED = {
    "database-url": '"postgresql://h/d"',
    "direct-url": '"postgresql://h/direct"',
    "contexts": '["shop", "acci.domain.users"]',
    "home": '"state"',
    "unique-event-ids": "true",
    "react-after-promotion": "true",
    "keys-url": '"postgresql://h/keys"',
    "read-url": '"postgresql://h/replica"',
    "read-lag": "2.5",
    "prefect-api-url": '"https://h/api"',
    "prefect-prefix": '"shop"',
    "prefect-file": '"deployments.yaml"',
    "schedules": '{audit = "off"}',
    "topics": '{mail = {sender = "smtp", url = "smtps://h"}}',
    "dask": "2",
    "log-format": '"json"',
    "pool-size": "3",
    "pool-wait": "1.5",
    "statement-timeout": "2",
    "lock-timeout": "4",
}


def project(folder: Path, *lines: str, head: str = "[tool.acci]") -> dict[str, str]:
    """An environment in which the project is that folder, with these lines in `[tool.acci]`."""
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text("\n".join([head, *lines, ""]))
    return {"ACCI_PROJECT": str(folder)}


def test_nothing_set_means_this_checkout() -> None:
    settings = Settings.from_environment({})
    messages = ("*", Topic("file", file=CHECKOUT / ".acci" / "messages.jsonl"))
    assert settings == Settings(None, ("acci.domain.users",), CHECKOUT / ".acci", None, topics=(messages,))
    assert (CHECKOUT / "pyproject.toml").exists()


def test_everything_can_be_set(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {
            "ACCI_DATABASE_URL": "postgresql://h/d",
            "ACCI_CONTEXTS": " tests.domains.permits, acci.domain.users ,tests.domains.permits,",
            "ACCI_HOME": str(tmp_path),
            "PREFECT_API_URL": "http://h/api",
            "ACCI_DASK": "tcp://h:8786",
        }
    )
    contexts = ("tests.domains.permits", "acci.domain.users")
    assert settings == Settings("postgresql://h/d", contexts, tmp_path, "http://h/api", "tcp://h:8786")


def test_empty_counts_as_unset(tmp_path: Path) -> None:
    blank = {setting.variable: " " for setting in SETTINGS if setting.variable}
    assert Settings.from_environment(blank) == Settings.from_environment({})
    assert Settings.from_environment({"ACCI_CONTEXTS": " , "}).contexts == ("acci.domain.users",)
    place = project(tmp_path / "shop", 'contexts = ["shop"]')
    assert Settings.from_environment(place | {"ACCI_CONTEXTS": " "}).contexts == ("shop",)


def test_a_password_is_not_shown() -> None:
    assert "hunter2" not in repr(Settings.from_environment({"ACCI_DATABASE_URL": "postgresql://u:hunter2@h/d"}))


def test_messages_go_into_a_file_only_while_acci_is_tried_out(tmp_path: Path) -> None:
    """With the own server, or the own example; a domain in production has a dead letter until its topic is set."""
    own_server = {"ACCI_CONTEXTS": "shop", "ACCI_HOME": str(tmp_path)}
    own_example = {"ACCI_DATABASE_URL": "postgresql://h/d", "ACCI_HOME": str(tmp_path)}
    into_file = ("*", Topic("file", file=tmp_path / "messages.jsonl"))
    for environment in (own_server, own_example):
        assert Settings.from_environment(environment).topics == (into_file,)
        chosen = {"ACCI_TOPICS": '{"*": {"sender": "webhook", "url": "https://h/"}}'}
        assert Settings.from_environment(environment | chosen).topics == (("*", Topic("webhook", "https://h/")),)
    assert Settings.from_environment(own_server | own_example).topics == ()


def test_everything_but_secrets_can_be_set_in_the_project(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    place = project(shop, *(f"{key} = {value}" for key, value in FILED.items()))
    assert set(FILED) == {setting.key for setting in SETTINGS if setting.in_file and not setting.secret}
    assert Settings.from_environment(place) == Settings(
        "postgresql://h/d",
        ("shop", "acci.domain.users"),
        shop / "state",
        "https://h/api",
        "2",
        "postgresql://h/keys",
        prefect_prefix="shop",
        direct_url="postgresql://h/direct",
        read_url="postgresql://h/replica",
        read_lag=2.5,
        unique_event_ids=True,
        react_after_promotion=True,
        prefect_file=shop / "deployments.yaml",
        schedules=(("audit", "off"),),
        topics=(("mail", Topic("smtp", "smtps://h")),),
        log_format="json",
        project=shop,
        limits=Limits(3, 1.5, 2.0, 4.0),
    )


def test_the_environment_comes_before_the_project(tmp_path: Path) -> None:
    place = project(tmp_path / "shop", *(f"{key} = {value}" for key, value in FILED.items()))
    chosen = {"ACCI_POOL_SIZE": "7", "ACCI_UNIQUE_EVENT_IDS": "no", "ACCI_HOME": str(tmp_path)}
    settings = Settings.from_environment(place | chosen)
    assert (settings.unique_event_ids, settings.home) == (False, tmp_path)
    assert settings.limits == Limits(7, 1.5, 2.0, 4.0)
    _, found = found_settings(place | chosen)
    origins = {each.setting.key: each.origin for each in found}
    assert len(origins) == len(SETTINGS)
    assert origins["pool-size"] == "environment ACCI_POOL_SIZE"
    assert origins["pool-wait"] == "pyproject.toml [tool.acci] pool-wait"
    assert origins["master-key"] == "default"


def test_the_project_is_the_nearest_folder_upward_with_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path / "shop")
    project(tmp_path / "shop" / "part", head="[tool.acci-else]")
    below = tmp_path / "shop" / "part" / "deep"
    below.mkdir()
    monkeypatch.chdir(below)
    settings = Settings.from_environment({})
    assert settings.project == tmp_path / "shop"
    assert settings.home == tmp_path / "shop" / ".acci"
    (tmp_path / "shop" / "prefect.yaml").touch()
    assert Settings.from_environment({}).prefect_file == tmp_path / "shop" / "prefect.yaml"
    project(tmp_path / "other")
    assert Settings.from_environment({"ACCI_PROJECT": str(tmp_path / "other")}).project == tmp_path / "other"


def test_without_a_project_the_checkout_is_meant_and_of_an_installed_acci_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = Settings.from_environment({})
    assert (found.project, found.home) == (None, CHECKOUT / ".acci")
    monkeypatch.setattr("acci.store.settings.project.CHECKOUT", tmp_path / "site-packages" / "acci")
    found = Settings.from_environment({})
    assert (found.project, found.home) == (tmp_path, tmp_path / ".acci")


def test_relative_paths_count_from_the_project_and_in_the_environment_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = project(tmp_path / "shop", 'home = "../state"')
    monkeypatch.chdir("/")
    assert Settings.from_environment(place).home == tmp_path / "state"
    assert Settings.from_environment({"ACCI_HOME": "state"}).home == Path("/state")
    assert Settings.from_environment({"ACCI_HOME": "~/state"}).home == Path.home() / "state"


@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        (
            'colour = "red"',
            UnknownSetting,
            "has no setting 'colour'. Known: database-url, direct-url, read-url, read-lag, contexts",
        ),
        ("pool_size = 3", UnknownSetting, "Did you mean pool-size?"),
        ("timeout-seconds = 3", UnknownSetting, "timeout-seconds"),
        ('project = "."', UnknownSetting, "project"),
        ('master-key = "s3cret"', SecretInFile, "set ACCI_MASTER_KEY"),
        ('prefect-api-key = "s3cret"', SecretInFile, "set PREFECT_API_KEY"),
        ("prefect-api-auth-string = 3", SecretInFile, "set PREFECT_API_AUTH_STRING"),
        ('database-url = "postgresql://u:s3cret@h/d"', SecretInFile, "set ACCI_DATABASE_URL"),
        ('direct-url = "postgresql://u@h/d?sslpassword=s3cret"', SecretInFile, "set ACCI_DIRECT_URL"),
        ("keys-url = \"host=h password = 's3c ret'\"", SecretInFile, "set ACCI_KEYS_URL"),
        ('prefect-api-url = "https://u:s3cret@h/api"', SecretInFile, "set PREFECT_API_URL"),
        ('database-url = ["postgresql://u:s3cret@h/d"]', WrongSetting, "is 'list': give it an address"),
        ('database-url = ""', WrongSetting, "give it an address"),
        ("pool-size = 0", WrongSetting, "a whole number from 1 on"),
        ('pool-size = "3"', WrongSetting, "a whole number from 1 on"),
        ("pool-size = true", WrongSetting, "a whole number from 1 on"),
        ("pool-wait = nan", WrongSetting, "a number of seconds from 0 on"),
        ("lock-timeout = 9e9", WrongSetting, "a number of seconds from 0 on"),
        ('unique-event-ids = "yes"', WrongSetting, "yes or no (in a file true or false)"),
        ('contexts = "shop"', WrongSetting, "a list of names"),
        ("contexts = []", WrongSetting, "a list of names"),
        ("contexts = [3]", WrongSetting, "a list of names"),
        ("home = 3", WrongSetting, "a path"),
        ('home = "~nobody-of-this-name/x"', WrongSetting, "a path"),
        ('log-format = "xml"', WrongSetting, "text or json"),
        ("log-format = true", WrongSetting, "text or json"),
        ("dask = 0", WrongSetting, "a number of processes"),
        ('schedules = "off"', WrongSetting, "a table of texts"),
        ("schedules = {audit = 3}", WrongSetting, "a table of texts"),
        ("= 3", UnusableProject, "it is not TOML"),
        ("a = " + "[" * 5000, UnusableProject, "it is not TOML"),
    ],
)
def test_what_is_wrong_in_the_project_is_refused_whatever_is_asked_for(
    tmp_path: Path, line: str, error: type[AcciError], said: str
) -> None:
    place = project(tmp_path / "shop", line)
    with pytest.raises(error) as refused:
        Settings.from_environment(place)
    assert said in str(refused.value)
    assert "s3c" not in str(refused.value)
    assert str(tmp_path / "shop" / "pyproject.toml") in str(refused.value)


def test_a_file_that_cannot_be_a_projects_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    for content, said in ((b"tool.acci = 3", "no table"), (b"acci = '\xff'", "not UTF-8")):
        file.write_bytes(content)
        with pytest.raises(UnusableProject, match=said):
            Settings.from_environment({"ACCI_PROJECT": str(tmp_path)})
    file.unlink()
    file.mkdir()
    with pytest.raises(UnusableProject, match="directory"):
        Settings.from_environment({"ACCI_PROJECT": str(tmp_path)})
    with pytest.raises(WrongSetting, match=r"ACCI_PROJECT is .*none': give it the folder of your project"):
        Settings.from_environment({"ACCI_PROJECT": str(tmp_path / "none")})


def test_what_is_wrong_in_a_file_that_does_not_concern_acci_is_nobodys_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\nname = ")
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment({}).project is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to others")
def test_a_file_of_somebody_elses_above_ones_own_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path, 'contexts = ["evil"]')
    (tmp_path / "mine").mkdir()
    os.chown(tmp_path / "pyproject.toml", 12345, -1)
    monkeypatch.chdir(tmp_path / "mine")
    with pytest.raises(UnusableProject, match="belongs to another user"):
        Settings.from_environment({})
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment({}).contexts == ("evil",)


def test_a_working_directory_that_is_gone_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UnusableProject, match="The working directory cannot be used: No such file"):
        Settings.from_environment({})


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://u:s3@h:5432/d?x=y", "postgresql://u:***@h:5432/d?x=y"),
        ("postgresql://u:s3@s/3@h/d", "postgresql://u:***@h/d"),
        ("postgresql://:s3@h/d", "postgresql://:***@h/d"),
        ("postgresql://u@h/d?password=s3&sslmode=require", "postgresql://u@h/d?password=***&sslmode=require"),
        ("host=h password='s \\' 3' user=u", "host=h password=*** user=u"),
        ("host=h PassWord = s3", "host=h PassWord = ***"),
        ("postgresql://u@h/d?pass%77ord=s3", "***"),
        ("postgresql://u@h:5432/d", "postgresql://u@h:5432/d"),
        ("postgresql://h/d?passfile=/f", "postgresql://h/d?passfile=/f"),
        ("tcp://h:8786", "tcp://h:8786"),
    ],
)
def test_passwords_in_addresses_are_hidden(address: str, shown: str) -> None:
    assert hide_password(address) == shown
    assert has_password(address) == (address != shown)


@given(st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=1))
def test_no_password_is_shown_whatever_its_letters(password: str) -> None:
    shown = hide_password(f"postgresql://user:{password}@host/d")
    assert shown == "postgresql://user:***@host/d"
