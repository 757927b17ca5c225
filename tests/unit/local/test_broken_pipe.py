"""A closed pipe does not stop the program that writes to it."""

import os
import subprocess
import sys


def test_a_program_finishes_its_work_after_its_output_pipe_was_closed() -> None:
    code = (
        "import sys; from rich.console import Console; from ml_training.local.broken_pipe import BrokenPipeSafeOutput;"
        "from ml_training.local.console_output import JsonOutput, TextOutput;"
        "console = Console(file=BrokenPipeSafeOutput(sys.stdout));"
        "[output(console).message('x', 'text') for _ in range(9) for output in (TextOutput, JsonOutput)];"
        "print('more'); sys.stderr.write('done')"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "done")
