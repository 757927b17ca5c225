"""Ends pool children that are still starting when their worker drains: they have no job, and a start takes long.

A child imports the machine-learning stack: seconds on a free machine, half a minute on a busy one. Celery's orderly
shutdown waits for every child, a starting one too, so a worker that was stopped soon after its start could be killed
before it was done. A starting child has the default action of END_SIGNAL, which ends it in the middle of an import;
a child that is ready ignores the signal.
"""

import signal
import threading

import psutil

END_SIGNAL = signal.SIGUSR2  # Celery and billiard leave it alone: they use SIGTERM, SIGINT, SIGHUP, SIGQUIT and SIGUSR1
SPAWNED = "spawn_main"  # in the command line of every child of a pool that spawns; its resource tracker is another
REPEAT_SECONDS = 0.2  # until Celery closes the pool it replaces a child that ended


def mark_child_ready() -> None:
    """From now on this child ends as Celery says; call it in the main thread of the child."""
    signal.signal(END_SIGNAL, signal.SIG_IGN)


def end_starting_children(stopped: threading.Event) -> None:
    """Signal the children of this process again and again until `stopped` is set; ready ones do not notice."""
    while True:
        for child in psutil.Process().children():
            try:
                if SPAWNED in " ".join(child.cmdline()):
                    child.send_signal(END_SIGNAL)
            except psutil.Error:  # it has just ended
                continue
        if stopped.wait(REPEAT_SECONDS):
            return
