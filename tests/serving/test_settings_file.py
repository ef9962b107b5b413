"""The settings file of a deployment: the functions judge, mute and sweep by the same file as the command line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bindwatch.errors import ConfigError
from bindwatch.serving.runs import Parts
from bindwatch.serving.wiring import make_engine
from bindwatch.settings import Settings

TEXT = """
trusted_domains = ["example.org"]
disabled_rules = ["user-agent-missing"]

[[exception]]
rule = "public-member"
project = "www"
owner = "web@example.com"
reason = "a website"
expires = 2999-01-01
"""


def settings(folder: Path, text: str) -> Settings:
    (folder / "bindwatch.toml").write_text(text, "utf-8")
    return Settings.from_env(
        {
            "BINDWATCH_SETTINGS_FILE": str(folder / "bindwatch.toml"),
            "BINDWATCH_TRUSTED_DOMAINS": "example.com",
            "BINDWATCH_DISABLED_RULES": "public-member",
            "BINDWATCH_STORE": f"duckdb:{folder / 'store.duckdb'}",
            "BINDWATCH_ALERTS": f"file:{folder / 'alerts.ndjson'}",
        }
    )


def test_the_file_is_added_to_the_environment(tmp_path: Path) -> None:
    engine = make_engine(settings(tmp_path, TEXT))
    assert engine.context.trusted_domains == {"example.com", "example.org"}
    assert not {rule.id for rule in engine.log_rules} & {"user-agent-missing", "public-member"}


def test_a_wrong_file_is_a_wrong_deployment(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="trusted_domain: no such field"):
        make_engine(settings(tmp_path, "trusted_domain = []"))


def test_exceptions_become_mutes_of_the_store_once(tmp_path: Path) -> None:
    said = settings(tmp_path, TEXT)
    parts = Parts.of(said)
    (mute,) = parts.store.active_mutes()
    assert (mute["rule_id"], mute["project"], mute["origin"]) == ("public-member", "www", "settings")
    assert mute["expires_at"] == datetime(2999, 1, 1, tzinfo=UTC)
    parts.store.close()
    again = Parts.of(said)
    assert again.store.active_mutes() == [mute]
    again.store.close()
