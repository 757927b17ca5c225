"""The output of a command: progress bars on a terminal, plain lines in a pipe, JSON for programs."""

import io
import json

from rich.console import Console

from ml_training.domain.states import JobStatus
from ml_training.local.console_output import JsonOutput, TextOutput


def test_programs_get_one_object_on_each_line() -> None:
    stream = io.StringIO()
    output = JsonOutput(Console(file=stream))
    output.message("part", "api ready", name="api")
    output.table("models", ("id", "accuracy"), [(1, 0.5), (2, None)])
    with output.progress_bars() as bars:
        bars.show(3, "#3 TRAIN", status=JobStatus.RUNNING, fraction=0.1, message="")
        bars.show(3, "#3 TRAIN", status=JobStatus.RUNNING, fraction=0.2, message="")
    part, models, job = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert part == {"event": "part", "text": "api ready", "name": "api"}
    assert models == {"event": "models", "rows": [{"id": 1, "accuracy": 0.5}, {"id": 2, "accuracy": None}]}
    assert (job["job_id"], job["status"], job["progress"]) == (3, "RUNNING", 0.1)


def test_a_pipe_gets_plain_lines_that_are_never_broken() -> None:
    stream = io.StringIO()
    TextOutput(Console(file=stream, width=40)).message("part", "x" * 200 + " [red]as it is[/red]")
    assert stream.getvalue() == "x" * 200 + " [red]as it is[/red]\n"


def test_a_progress_bar_shows_what_a_job_does_and_how_it_ended() -> None:
    stream = io.StringIO()
    with TextOutput(Console(file=stream, width=120, force_terminal=True)).progress_bars() as bars:
        bars.show(3, "#3 TRAIN", status=JobStatus.RUNNING, fraction=0.5, message="round [50]")
        bars.show(3, "#3 TRAIN", status=JobStatus.COMPLETED, fraction=1.0, message="")
    assert "COMPLETED" in stream.getvalue()
    assert "100%" in stream.getvalue()
