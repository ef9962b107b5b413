"""Settings: what an environment means, and that every problem of one is said at once."""

from pathlib import Path

import pytest

from bindwatch.errors import ConfigError
from bindwatch.settings import Dataset, File, Settings, Topic, table, variables

CLOUD_RUN = {
    "K_SERVICE": "on-log-entry",
    "BINDWATCH_STORE": "bigquery:example-security.bindwatch",
    "BINDWATCH_ALERTS": "projects/example-security/topics/bindwatch-alerts",
    "BINDWATCH_DEAD_LETTERS": "projects/example-security/topics/bindwatch-dead-letters",
}


def problems(**environ: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env(environ)
    return caught.value.problems


def test_without_any_variable_everything_stays_on_this_machine() -> None:
    settings = Settings.from_env({"PATH": "/bin"})
    assert settings.store == File("bindwatch.duckdb")
    assert settings.alerts == File("alerts.ndjson")
    assert settings.dead_letters == File("dead-letters.ndjson")


def test_a_deployment_is_read() -> None:
    settings = Settings.from_env(
        CLOUD_RUN
        | {
            "BINDWATCH_SCOPE": "organizations/123",
            "BINDWATCH_TRUSTED_DOMAINS": "Example.com, example.org ,",
            "BINDWATCH_AUTOMATION": "terraform@*.iam.gserviceaccount.com",
            "BINDWATCH_AUDIT_MINUTES": "10",
        }
    )
    assert settings.store == Dataset("example-security", "bindwatch")
    assert settings.alerts == Topic("projects/example-security/topics/bindwatch-alerts")
    assert settings.scope == "organizations/123"
    assert settings.trusted_domains == {"example.com", "example.org"}
    assert settings.automation == ("terraform@*.iam.gserviceaccount.com",)
    assert settings.project == "example-security"
    assert settings.audit_minutes == 10


def test_every_problem_is_in_one_message() -> None:
    found = problems(
        BINDWATCH_STORE="mysql:x",
        BINDWATCH_SCOPE="everything",
        BINDWATCH_LOG_SEVERITY="loud",
        BINDWATCH_AUDIT_MINUTES="0",
    )
    assert len(found) == 4
    for name in ("BINDWATCH_STORE", "BINDWATCH_SCOPE", "BINDWATCH_LOG_SEVERITY", "BINDWATCH_AUDIT_MINUTES"):
        assert any(problem.startswith(f"{name}: ") for problem in found)


def test_on_cloud_run_nothing_may_live_in_files_of_the_instance() -> None:
    found = problems(K_SERVICE="on-log-entry", BINDWATCH_STORE="duckdb:/tmp/x", BINDWATCH_ALERTS="file:/tmp/y")
    assert len(found) == 3


def test_on_cloud_run_a_misspelt_name_is_noticed() -> None:
    assert problems(**CLOUD_RUN, BINDWATCH_TRUSTED_DOMAIN="example.com") == (
        "BINDWATCH_TRUSTED_DOMAIN: no such setting; the README lists them",
    )


def test_an_empty_variable_is_none() -> None:
    assert Settings.from_env({"BINDWATCH_STORE": " ", "BINDWATCH_SCOPE": ""}) == Settings.from_env({})


def test_settings_can_be_keys_and_do_not_change() -> None:
    settings = Settings.from_env({})
    assert {settings: 1}[Settings.from_env({})] == 1
    with pytest.raises(AttributeError):
        settings.scope = "projects/p"  # type: ignore[misc]


def test_the_readme_lists_every_variable() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    _, _, rest = readme.partition("<!-- generated:settings -->")
    assert rest.partition("<!-- /generated:settings -->")[0].strip() == table().strip()


def test_every_variable_says_what_it_is_for() -> None:
    assert all(variable.name.startswith("BINDWATCH_") and variable.meaning.endswith(".") for variable in variables())
    assert len({variable.name for variable in variables()}) == len(variables())
