"""What the data say against a job that can run: shown with the answer, stored with the job and its model."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class WarningCode(StrEnum):
    """`code` of a warning (documented in docs/jobs.md)."""

    ID_FEATURE = "id_feature"
    LEAK_FEATURE = "leak_feature"
    CONSTANT_FEATURE = "constant_feature"
    DUPLICATE_ROWS = "duplicate_rows"
    GROUP_ON_BOTH_SIDES = "group_on_both_sides"
    RARE_CLASS = "rare_class"
    NOT_REPRODUCIBLE = "not_reproducible"


@dataclass(frozen=True, slots=True)
class JobWarning:
    """A JSON pointer into the spec, what the data say there, and what to do about it.

    is_settled: nothing more is to be done, such as for a column that is left out; `"leakage": "refuse"` lets it pass.
    """

    code: WarningCode
    pointer: str
    detail: str
    is_settled: bool = False

    def to_json(self) -> dict[str, str]:
        """As it is stored and shown."""
        shown = asdict(self)
        del shown["is_settled"]
        return {**shown, "code": self.code.value}
