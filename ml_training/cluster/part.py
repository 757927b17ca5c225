"""What travels to a worker of the cluster: the spec of a job and where its data are, never a row."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ml_training import __version__
from ml_training.training.versions import versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of one fit.

    name: of the fit, never used again; spec: of the TRAIN job; storage_id: of the storage that holds the index; split:
    from 1, None for the fit whose model is stored; number: of the part, from 0, of `count`; versions: of the libraries
    and of this service, which must be the same in all parts.
    """

    name: str
    spec: Mapping[str, Any]
    index_key: str
    index_sha256: str
    storage_id: str | None
    versions: Mapping[str, str]
    split: int | None = None
    number: int = 0
    count: int = 1

    def numbered(self, number: int, count: int) -> "Part":
        """The same fit, for the part with this number."""
        return replace(self, number=number, count=count)

    def to_json(self) -> dict[str, Any]:
        """As it travels."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Part":
        """The reverse of `to_json`."""
        return cls(**body)


def engine_versions() -> dict[str, str]:
    """The versions on which the bytes of a part depend."""
    libraries = {name: number for name, number in versions().items() if name != "python"}
    return {"ml_training": __version__, **libraries}
