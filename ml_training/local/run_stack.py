"""What `ml-training up` does with a running stack: the sample run, the URLs, then waiting for the end."""

from ml_training.local.api_client import Client, Problem, Unreachable
from ml_training.local.console_output import Reporter
from ml_training.local.foreground_group import own_terminal
from ml_training.local.interrupts import Interrupts, StopRequested, interrupts
from ml_training.local.run_file import RunInfo
from ml_training.local.sample_run import SampleFailed, SampleRun
from ml_training.local.stack import Stack, running_stack
from ml_training.settings import Settings

FOREVER_SECONDS = 3600.0


def up(settings: Settings, *, reporter: Reporter, sample: bool, leave: bool) -> bool:
    """Run the stack until somebody asks for its end, or with `leave` only as long as the start and the sample take.

    False when the start and the sample were wanted and did not complete. Raises what `running_stack` raises, except
    StopRequested.
    """
    with own_terminal(), interrupts() as asked:
        try:
            complete = _up(settings, reporter=reporter, asked=asked, sample=sample, leave=leave)
        except StopRequested:
            complete = not leave
    reporter.say("stopped", "Everything is stopped")
    return complete


def _up(settings: Settings, *, reporter: Reporter, asked: Interrupts, sample: bool, leave: bool) -> bool:
    complete = True
    reporter.say("starting", f"Starting in {settings.data_dir}")
    with running_stack(settings, reporter=reporter, asked=asked) as (stack, info):
        try:
            if sample:
                complete = _sample(stack, info, reporter)
            _announce(info, reporter, stays=not leave)
            while not leave:
                stack.pause(FOREVER_SECONDS)
        finally:
            reporter.say("stopping", "Stopping; jobs that run are handed back")
    return complete


def _sample(stack: Stack, info: RunInfo, reporter: Reporter) -> bool:
    with Client(info.api_url) as client:
        run = SampleRun(client, reporter=reporter, pause=stack.pause)
        try:
            if run.is_wanted():
                run.run()
            else:
                reporter.say("sample", "The database already holds data sets or jobs: the sample run is left out")
        except (SampleFailed, Problem, Unreachable) as error:
            lines = error.lines() if isinstance(error, Problem) else [str(error)]
            reporter.say("sample_failed", "The sample run did not complete: " + "\n".join(lines))
            return False
    return True


def _announce(info: RunInfo, reporter: Reporter, *, stays: bool) -> None:
    lines = [
        f"API      {info.api_url}/api/v1",
        f"Docs     {info.api_url}/docs",
        f"Metrics  {info.exporter_url}/metrics",
    ]
    if stays:
        lines.append("Ctrl-C stops everything; jobs that run are handed back and continue with the next start")
    # The other URLs hold passwords; they stand in run.json, which only its owner can read.
    reporter.say("ready", "\n".join(lines), api_url=info.api_url, exporter_url=info.exporter_url, pid=info.pid)
