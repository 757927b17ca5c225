"""An attacker with full access to Redis: it may delay jobs, and must reach nothing else."""

import random
from collections.abc import Callable
from contextlib import suppress

import redis

from ml_training.domain.queue_names import QUEUE
from tests.support.hostile_entries import KEYS, entries, wrong_types

ENTRIES = 500
LARGE_BYTES = 20_000_000


class RedisAttacker:
    """Writes garbage over a connection of its own; `wait` pauses, and ends early when the run does."""

    def __init__(self, url: str, *, wait: Callable[[float], object]) -> None:
        self._url = url
        self._wait = wait
        self._entries = list(entries().values())

    def write_entries(self, chance: random.Random) -> None:
        """Entries of every kind in front of the permits, and a large one."""
        with redis.Redis.from_url(self._url) as client:
            for _ in range(5):
                try:
                    client.rpush(QUEUE, *chance.choices(self._entries, k=ENTRIES), b"x" * LARGE_BYTES)
                except redis.ResponseError:  # another type is in the list's place
                    client.delete(QUEUE)
                self._wait(chance.uniform(0.1, 0.5))

    def change_types(self, chance: random.Random) -> None:
        """Values of other types in the place of the queue, and of the keys that kombu would use."""
        with redis.Redis.from_url(self._url) as client:
            for _ in range(10):
                key, store = chance.choice(KEYS), chance.choice(list(wrong_types().values()))
                client.delete(key)
                with suppress(redis.ResponseError):  # the service has stored something there in between
                    store(client, key)
                self._wait(chance.uniform(0.1, 0.5))

    def lock_out(self, chance: random.Random) -> None:
        """Another password, and no memory for anything, for a while."""
        with redis.Redis.from_url(self._url) as client:
            before = {name: client.config_get(name)[name] for name in ("maxmemory", "requirepass")}
            client.config_set("maxmemory", "1mb")
            client.config_set("requirepass", "another")
            client.client_kill_filter(_type="normal", skipme=True)
            try:
                self._wait(chance.uniform(1.0, 8.0))
            finally:
                for name, value in before.items():
                    client.config_set(name, value)
