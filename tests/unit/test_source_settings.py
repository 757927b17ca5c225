"""Connections and roots in the environment: all errors at once, each with its variable, and no URL in any message."""

from pathlib import Path

import pytest

from ml_training.source_settings import CONNECTIONS, SOURCES, read_source_settings

PREFIX = "ML_TRAINING_"
SECRET = "hunter2"


def problems_of(**variables: str) -> dict[str, str]:
    """The remedy of each wrong variable, named without the prefix."""
    _, problems = read_source_settings({f"{PREFIX}{name}": value for name, value in variables.items()})
    assert not [text for _, text in problems if SECRET in text]
    return {name.removeprefix(PREFIX): text for name, text in problems}


def test_each_source_has_its_name_its_kind_and_its_projects(tmp_path: Path) -> None:
    file = tmp_path / "shop"
    file.write_text("mysql://u:p@shop:3306/shop?ssl_ca=/ca.pem\n", encoding="utf-8")
    file.chmod(0o600)
    found, problems = read_source_settings(
        {
            f"{CONNECTIONS}WAREHOUSE": "postgresql://u:p@h/sales?sslmode=verify-full",
            f"{CONNECTIONS}SHOP_2_FILE": str(file),
            f"{CONNECTIONS}EMPTY": "",
            f"{PREFIX}CONNECTION_PROJECTS__WAREHOUSE": "churn, pricing",
            f"{SOURCES}LAKE": "s3://K:S%2F@bucket/pre/fix?endpoint=https://s3.example.org&region=eu-central-1",
        }
    )
    assert problems == []
    assert {name: source.kind for name, source in found.connections.items()} == {
        "shop_2": "mariadb",
        "warehouse": "postgresql",
    }
    assert found.connections["warehouse"].is_open_to("churn")
    assert not found.connections["warehouse"].is_open_to("default")
    assert found.connections["shop_2"].is_open_to("default")
    assert list(found.roots) == ["lake"]
    assert "u:p" not in repr(found)
    assert "S%2F" not in repr(found)


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    found = problems_of(
        CONNECTIONS__A__B="postgresql://u:p@h/d",
        CONNECTIONS__ORACLE=f"oracle://u:{SECRET}@h/d",
        CONNECTIONS__NO_NAME=f"postgresql://u:{SECRET}@h",
        CONNECTIONS__UNESCAPED=f"postgresql://u:{SECRET}@x@h/d",
        CONNECTIONS__BAD_PORT=f"postgresql://u:{SECRET}@h:x/d",
        CONNECTIONS__OPTION=f"mariadb://u:{SECRET}@h/d?autocommit=1",
        CONNECTIONS__GONE_FILE=str(tmp_path / "nothing"),
        SOURCES__FILE=f"file:///{SECRET}",
        SOURCES__HALF=f"s3://{SECRET}@bucket",
        SOURCES__ODD=f"s3://k:{SECRET}@bucket/?other=1",
        SOURCE_PROJECTS__NOWHERE="churn",
    )
    assert set(found) == {
        "CONNECTIONS__A__B",
        "CONNECTIONS__ORACLE",
        "CONNECTIONS__NO_NAME",
        "CONNECTIONS__UNESCAPED",
        "CONNECTIONS__BAD_PORT",
        "CONNECTIONS__OPTION",
        "CONNECTIONS__GONE_FILE",
        "SOURCES__FILE",
        "SOURCES__HALF",
        "SOURCES__ODD",
        "SOURCE_PROJECTS__NOWHERE",
    }


@pytest.mark.parametrize("name", ["WAREHOUSE_FILE", "_X", "X_", "1X"])
def test_a_name_that_could_be_read_in_two_ways_is_refused(name: str) -> None:
    assert problems_of(**{f"CONNECTIONS__{name}": "postgresql://u:p@h/d"})
