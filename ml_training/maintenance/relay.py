"""Repeats permits: while due rows wait and the broker holds too few messages, it sends the missing ones."""

from ml_training.db import heartbeats, jobs
from ml_training.services.resources import Resources

PERMITS_A_SLOT = 2  # enough that no slot waits for the next tick, few enough that a restart finds no heap of them


def relay_once(resources: Resources) -> int:
    """Send what is missing; returns how many permits were sent. Several relays at once only send a few too many."""
    with resources.database.read() as connection:
        slots = heartbeats.count_slots(connection, within_seconds=resources.heartbeat_dead_seconds)
        due = jobs.count_due(connection, at_most=PERMITS_A_SLOT * slots)
    if due == 0:
        return 0
    waiting = resources.permits.waiting()
    if waiting is None or waiting >= due:
        return 0
    return resources.permits.publish(due - waiting)
