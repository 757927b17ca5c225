"""Runs `ml-training` commands in the test process, and makes job documents as the API returns them."""

from typing import Any
from unittest.mock import patch

from typer.testing import CliRunner, Result

from ml_training.cli.app import app


def run_command(*arguments: str, stdin: str | None = None) -> Result:
    """Run `ml-training` with these arguments; unexpected exceptions are raised.

    The logs stay as they are: loggers of this process that a command has configured would keep that for later tests.
    """
    with patch("ml_training.logs.configure_logs"):
        return CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)


def job_document(status: str, **values: Any) -> dict[str, Any]:
    """TRAIN job 7 in this status; `values` replace fields."""
    defaults = {
        "id": 7,
        "job_type": "TRAIN",
        "model_type": "lightgbm",
        "status": status,
        "progress": 1.0 if status == "COMPLETED" else 0.0,
        "progress_message": "",
        "eta_seconds": None,
        "attempt": 1,
        "created_at": "2026-01-31T12:00:00.000000Z",
        "result": {"model_id": 3} if status == "COMPLETED" else None,
        "error": None,
    }
    return defaults | values
