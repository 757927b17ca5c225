"""A file that arrives in pieces: what is known of it, and its limits."""

from dataclasses import dataclass

KEPT_SECONDS = 86_400.0  # after the last piece, or after a data set was made of it
MOST_OPEN = 100  # uploads of one project
MOST_PIECES = 10_000  # of one upload
MOST_NAME_CHARACTERS = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumableUpload:
    """One row of `uploads`; times in Unix seconds of the database's clock."""

    id: int
    file_name: str  # its suffix says the format
    sha256: str | None  # of the whole file, where the client has said it
    bytes: int  # of the whole file
    received_bytes: int
    pieces: int
    created_by: str | None  # the id of the key
    created_at: float
    changed_at: float
    dataset_id: int | None  # what was made of it; None: it is open
    request_sha256: str | None  # of the fields that the data set was asked for with

    @property
    def expires_at(self) -> float:
        """When it is forgotten, if nothing more arrives."""
        return self.changed_at + KEPT_SECONDS
