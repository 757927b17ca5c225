"""The examples of the OpenAPI document are requests that work and answers that the service gives."""

import json
from pathlib import Path

import pytest

from ml_training.api.examples import FILE
from tests.support.postgres import PostgresServer
from tests.support.stack_process import start_stack
from tools.api_examples.__main__ import WAREHOUSE, record
from tools.api_examples.recorder import shape

pytestmark = pytest.mark.slow


def test_the_recorded_examples_are_those_of_today(tmp_path: Path, postgres: PostgresServer) -> None:
    with start_stack(tmp_path / "data", "--sample", **{WAREHOUSE: postgres.url()}) as stack:
        stack.wait_until_ready()
        examples, missing = record(stack.urls[0])
    assert missing == []
    assert shape(examples) == shape(json.loads(FILE.read_text(encoding="utf-8"))), "make examples records them again"
