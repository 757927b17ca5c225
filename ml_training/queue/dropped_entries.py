"""How many entries of the permits' list this process has dropped since they were counted last."""

import threading


class DroppedEntries:
    """A count; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def add(self, count: int) -> None:
        """These many entries more were dropped."""
        with self._lock:
            self._count += count

    def take(self) -> int:
        """The count, which starts again at 0: whoever takes it stores it, or adds it again."""
        with self._lock:
            count, self._count = self._count, 0
        return count


DROPPED = DroppedEntries()
