"""Three ways to say the same: to people, to pipes, to programs."""

import io
import json
import os
import subprocess
import sys

from rich.console import Console

from ml_training.domain.states import JobStatus
from ml_training.local.console_output import ConsoleReporter, JsonReporter


def test_programs_get_one_object_a_line() -> None:
    output = io.StringIO()
    reporter = JsonReporter(Console(file=output))
    reporter.say("part", "api ready", name="api")
    reporter.table("models", ("id", "accuracy"), [(1, 0.5), (2, None)])
    with reporter.bars() as bars:
        bars.show(3, "#3 TRAIN", status=JobStatus.RUNNING, fraction=0.1, message="")
        bars.show(3, "#3 TRAIN", status=JobStatus.RUNNING, fraction=0.2, message="")
    part, models, job = [json.loads(line) for line in output.getvalue().splitlines()]
    assert part == {"event": "part", "text": "api ready", "name": "api"}
    assert models == {"event": "models", "rows": [{"id": 1, "accuracy": 0.5}, {"id": 2, "accuracy": None}]}
    assert (job["job_id"], job["status"], job["progress"]) == (3, "RUNNING", 0.1)


def test_a_pipe_gets_plain_lines_that_are_never_broken() -> None:
    output = io.StringIO()
    ConsoleReporter(Console(file=output, width=40)).say("part", "x" * 200 + " [red]as it is[/red]")
    assert output.getvalue() == "x" * 200 + " [red]as it is[/red]\n"


def test_a_bar_shows_what_a_job_does_and_how_it_ended() -> None:
    output = io.StringIO()
    with ConsoleReporter(Console(file=output, width=120, force_terminal=True)).bars() as bars:
        bars.show(3, "#3 TRAIN", status=JobStatus.RUNNING, fraction=0.5, message="round [50]")
        bars.show(3, "#3 TRAIN", status=JobStatus.COMPLETED, fraction=1.0, message="")
    assert "COMPLETED" in output.getvalue()
    assert "100%" in output.getvalue()


def test_a_pipe_that_is_closed_does_not_stop_the_work() -> None:
    code = (
        "import sys; from rich.console import Console; from ml_training.local.broken_pipe import LastingOutput;"
        "from ml_training.local.console_output import ConsoleReporter, JsonReporter;"
        "console = Console(file=LastingOutput(sys.stdout));"
        "[reporter(console).say('x', 'text') for _ in range(9) for reporter in (ConsoleReporter, JsonReporter)];"
        "print('more'); sys.stderr.write('done')"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "done")
