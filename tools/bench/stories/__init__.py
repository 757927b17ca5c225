"""All stories, in the order of the report."""

from tools.bench.stories import (
    claims,
    console,
    contention,
    drain,
    families,
    fleet,
    growth,
    idle,
    large,
    query,
    small,
    study,
    submit,
    tab_memory,
)
from tools.bench.stories.base import Story

_MODULES = (
    small,
    drain,
    submit,
    large,
    families,
    study,
    contention,
    idle,
    growth,
    claims,
    fleet,
    console,
    query,
    tab_memory,
)
STORIES: dict[str, Story] = {module.STORY.name: module.STORY for module in _MODULES}
