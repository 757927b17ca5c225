"""A throttled loop works when triggered, and never for more than its share."""

import itertools
import threading
import time

from exporter.throttle import MIN_INTERVAL_SECONDS, Throttle


def gaps(throttle: Throttle, *, turns: int, work: float = 0.0, triggering: bool = False) -> list[float]:
    """Seconds from each start to the next; the work is a wait, which cannot be cut short by a fast machine."""
    starts: list[float] = []
    for _ in throttle.turns():
        starts.append(time.monotonic())
        if len(starts) > turns:
            throttle.stop()
        if triggering:
            throttle.trigger()
        threading.Event().wait(work)
    return [later - earlier for earlier, later in itertools.pairwise(starts)]


def test_untriggered_it_works_once_an_interval() -> None:
    assert all(gap >= 0.25 for gap in gaps(Throttle(lambda: 0.25, share=1.0), turns=2))


def test_triggered_it_works_at_once_but_at_most_ten_times_a_second() -> None:
    found = gaps(Throttle(lambda: 60.0, share=1.0), turns=3, triggering=True)
    assert all(MIN_INTERVAL_SECONDS * 0.99 <= gap < 10 for gap in found)


def test_triggered_all_the_time_it_keeps_to_its_share() -> None:
    found = gaps(Throttle(lambda: 60.0, share=0.25), turns=2, work=0.1, triggering=True)
    assert all(gap >= 0.39 for gap in found)


def test_a_trigger_during_its_rest_is_not_lost() -> None:
    throttle = Throttle(lambda: 60.0, share=0.5)
    turns = throttle.turns()
    next(turns)
    timer = threading.Timer(0.05, throttle.trigger)
    timer.start()
    next(turns)
    timer.join()
    throttle.stop()


def test_the_interval_is_read_at_every_turn() -> None:
    intervals = iter([0.3, 0.6, 0.0])
    first, second = gaps(Throttle(lambda: next(intervals), share=1.0), turns=2)
    assert first >= 0.3
    assert second >= 0.6


def test_a_stop_ends_the_rest_at_once() -> None:
    throttle = Throttle(lambda: 60.0, share=0.5)
    turns = throttle.turns()
    next(turns)
    throttle.stop()
    assert next(turns, "ended") == "ended"
