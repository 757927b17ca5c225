"""The command `ml-training up`: runs the stack, the sample run if asked for, and waits until somebody stops it."""

from ml_training.local.console_output import CommandOutput
from ml_training.local.foreground_group import own_foreground_group
from ml_training.local.interrupts import Interrupts, StopRequested, catch_interrupts
from ml_training.local.run_file import RunInfo
from ml_training.local.stack import running_stack
from ml_training.settings import Settings, unknown_settings

FOREVER_SECONDS = 3600.0


def run_stack(settings: Settings, *, output: CommandOutput, sample: bool, exit_after: bool) -> bool:
    """Run the stack until a stop is requested; with `exit_after`, only until the start and the sample run have ended.

    False only with `exit_after`: the sample run failed, or a stop was requested first. Raises what `running_stack`
    raises, except StopRequested.
    """
    with own_foreground_group(), catch_interrupts() as interrupts:
        try:
            complete = _run(settings, output=output, interrupts=interrupts, sample=sample, exit_after=exit_after)
        except StopRequested:
            complete = not exit_after
    output.message("stopped", "Everything is stopped")
    return complete


def _run(settings: Settings, *, output: CommandOutput, interrupts: Interrupts, sample: bool, exit_after: bool) -> bool:
    complete = True
    output.message("starting", f"Starting in {settings.data_dir}")
    for line in unknown_settings():
        output.message("unknown_setting", f"  warning: {line}")
    with running_stack(settings, output=output, interrupts=interrupts) as (stack, info):
        try:
            if sample:
                # Here: the client is half of what this module would load, and the start waits for that.
                from ml_training.local.sample_run import run_sample

                complete = run_sample(info, output, pause=stack.pause, is_closed=bool(settings.oidc_issuer))
            _print_urls(info, output, keeps_running=not exit_after)
            while not exit_after:
                stack.pause(FOREVER_SECONDS)
        finally:
            output.message("stopping", "Stopping; jobs that run are handed back")
    return complete


def _print_urls(info: RunInfo, output: CommandOutput, *, keeps_running: bool) -> None:
    lines = [info.addresses]
    if keeps_running:
        lines.append("Ctrl-C stops everything; jobs that run are handed back and continue with the next start")
    # The other URLs hold passwords; they are in run.json, which only its owner can read.
    output.message("ready", "\n".join(lines), api_url=info.api_url, exporter_url=info.exporter_url, pid=info.pid)
