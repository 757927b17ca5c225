"""The instructions of a Dockerfile by build stage, as far as the tests read them; no engine needed."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stage:
    """One `FROM base AS name` with its (instruction, arguments) in order."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, instruction: str) -> str:
        """The arguments of the last such instruction; raises IndexError when there is none."""
        return [arguments for name, arguments in self.steps if name == instruction][-1]

    def copies(self) -> list[str]:
        """What the stage copies from the build context (not from other stages)."""
        copies = [shlex.split(arguments) for name, arguments in self.steps if name == "COPY"]
        return [source for words in copies if not words[0].startswith("--from") for source in words[:-1]]

    def parents(self) -> list[str]:
        """The stages that this one copies from."""
        copies = [shlex.split(arguments) for name, arguments in self.steps if name == "COPY"]
        return [words[0].removeprefix("--from=") for words in copies if words[0].startswith("--from=")]


def read_stages(path: Path) -> dict[str, Stage]:
    """Every stage by name, in order."""
    stages: dict[str, Stage] = {}
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        instruction, arguments = line.split(maxsplit=1)
        if instruction == "FROM":
            base, _, name = arguments.split()
            stages[name] = Stage(name=name, base=base)
        else:
            list(stages.values())[-1].steps.append((instruction, arguments))
    return stages
