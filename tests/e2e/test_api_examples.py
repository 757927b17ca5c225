"""The examples of the OpenAPI document are requests that work and answers that the service gives."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_training.api.examples import FILE
from tests.support.postgres import PostgresServer
from tests.support.stack_process import start_stack
from tools.api_examples.__main__ import WAREHOUSE, record
from tools.api_examples.recorder import shape

pytestmark = pytest.mark.slow


def differences(recorded: Any, now: Any, place: str = "") -> Iterator[str]:
    """Where two documents differ."""
    if isinstance(recorded, dict) and isinstance(now, dict) and recorded.keys() == now.keys():
        for name, value in recorded.items():
            yield from differences(value, now[name], f"{place}/{name}")
    elif isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        for number, value in enumerate(recorded):
            yield from differences(value, now[number], f"{place}/{number}")
    elif recorded != now:
        yield f"{place}: recorded {str(recorded)[:200]}, now {str(now)[:200]}"


def test_the_recorded_examples_are_those_of_today(tmp_path: Path, postgres: PostgresServer) -> None:
    with start_stack(tmp_path / "data", "--sample", **{WAREHOUSE: postgres.url()}) as stack:
        stack.wait_until_ready()
        examples, missing = record(stack.urls[0])
    assert missing == []
    recorded = json.loads(FILE.read_text(encoding="utf-8"))
    assert list(differences(shape(recorded), shape(examples))) == [], "make examples records them again"
