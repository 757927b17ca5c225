"""Files of Docker Compose on top of each other."""

from typing import Any


def merged(old: Any, new: Any) -> Any:
    """Mappings are merged, lists joined, everything else replaced."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{name: merged(old.get(name), value) for name, value in new.items()}}
    if isinstance(old, list) and isinstance(new, list):
        return old + [item for item in new if item not in old]
    return new
