"""Settings come from the environment, and from nowhere else."""

from pathlib import Path

from acci.store.settings import CHECKOUT, Settings


def test_nothing_set_means_this_checkout() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings(None, ("acci.domain.users",), CHECKOUT / ".acci", None)
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


def test_empty_counts_as_unset() -> None:
    names = ("ACCI_DATABASE_URL", "ACCI_CONTEXTS", "ACCI_HOME", "PREFECT_API_URL", "ACCI_DASK")
    assert Settings.from_environment(dict.fromkeys(names, " ")) == Settings.from_environment({})


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Settings.from_environment({"ACCI_DATABASE_URL": "postgresql://u:secret@h/d"}))
