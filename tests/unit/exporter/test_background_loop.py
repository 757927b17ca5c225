"""A loop in a background thread survives its errors and ends when it is stopped."""

import threading

from exporter.background_loop import throttled_loop
from exporter.throttle import Throttle
from tests.support.eventually import eventually


def test_a_loop_that_fails_works_again_at_its_next_turn() -> None:
    turns: list[None] = []

    def work() -> None:
        turns.append(None)
        raise ValueError("broken")

    loop = throttled_loop("reads", Throttle(lambda: 0.0, share=1.0), work)
    thread = threading.Thread(target=loop.run)
    thread.start()
    eventually(lambda: len(turns) > 1, within=10)
    loop.stop()
    thread.join(10)
    assert not thread.is_alive()
