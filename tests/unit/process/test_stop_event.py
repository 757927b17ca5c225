"""The event that signal handlers set, under a storm of signals."""

import subprocess
import sys
import threading

from ml_training.process.stop_event import StopEvent
from tests.support.eventually import PATIENCE

STORM = """
import os, signal
from ml_training.process.stop_event import StopEvent

event = StopEvent()
signal.signal(signal.SIGALRM, lambda *_: event.set())
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
for _ in range(3000):
    while not event.wait(0.00001):
        pass
    event = StopEvent()
signal.setitimer(signal.ITIMER_REAL, 0)
print(len(os.listdir("/dev/fd")))
"""


def test_a_signal_at_any_moment_of_a_wait_ends_it() -> None:
    done = subprocess.run([sys.executable, "-c", STORM], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 20, "each event closes its pipe"


def test_every_waiting_thread_returns_and_so_do_later_waits() -> None:
    event, seen = StopEvent(), []
    threads = [threading.Thread(target=lambda: seen.append(event.wait())) for _ in range(3)]
    for thread in threads:
        thread.start()
    event.set()
    event.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert seen == [True, True, True]
    assert event.is_set()
    assert event.wait(60.0)


def test_a_wait_ends_without_the_event_after_its_seconds() -> None:
    event = StopEvent()
    assert not event.wait(0.001)
    assert not event.is_set()
