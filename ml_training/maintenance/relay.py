"""The relay: sends the permits that are missing, while due jobs wait and the broker holds too few messages."""

from ml_training.db import claims, heartbeats
from ml_training.services.resources import Resources

PERMITS_PER_SLOT = 2  # enough that no slot waits for the next call, few enough that a restart finds no pile of them


def relay_once(resources: Resources) -> int:
    """Send what is missing; returns how many permits were sent. Several relays at once only send a few too many."""
    with resources.database.read() as connection:
        if not claims.count_due(connection, at_most=1):  # most calls of an idle service
            return 0
        slots = heartbeats.count_slots(connection, within_seconds=resources.heartbeat_dead_seconds)
        due = claims.count_due(connection, at_most=PERMITS_PER_SLOT * slots)
    if due == 0:  # no worker takes jobs
        return 0
    waiting = resources.permits.waiting()
    if waiting is None or waiting >= due:
        return 0
    return resources.permits.send(due - waiting)
