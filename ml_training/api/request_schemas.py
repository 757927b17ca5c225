"""The documented bodies of requests. Job specs are checked by the domain, not by these classes."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from ml_training.domain.file_options import FileOptions
from ml_training.domain.origins import FileAddress, FileOrigin, Query, QueryOrigin, SourceName
from ml_training.domain.spec_fields import ColumnName, Id, Name
from ml_training.domain.specs import JobSpec

SHA256_PATTERN = "^[0-9a-f]{64}$"


class RequestSchema(BaseModel):
    """Base of closed bodies: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class JobRequest(RootModel[JobSpec]):
    """A job spec, by its job_type."""


class BatchRequest(RequestSchema):
    """Many job specs."""

    jobs: list[JobSpec] = Field(min_length=1, max_length=1_000)


class SampleRequest(RequestSchema):
    """A data set that ships with the service."""

    name: Name
    sample: str = Field(min_length=1, max_length=64, description="one of GET /datasets/samples")


class UploadForm(FileOptions):
    """The small fields around an uploaded file: its name, its roles, and how it is read."""

    name: Name
    time_column: ColumnName | None = None
    phase_column: ColumnName | None = None
    group_column: ColumnName | None = None

    def options(self) -> FileOptions:
        """How the file is read."""
        return FileOptions.model_validate({name: getattr(self, name) for name in FileOptions.model_fields})

    def about_the_data(self) -> dict[str, Any]:
        """The fields that say what the data set is."""
        return self.model_dump(exclude=set(FileOptions.model_fields))


class QueryRequest(UploadForm):
    """A data set from the rows of a query on a configured connection."""

    connection: SourceName = Field(description="one of GET /connections")
    query: Query = Field(description="one SELECT; its rows are sorted by all columns, from left to right")

    def origin(self) -> QueryOrigin:
        """Where the rows come from."""
        return QueryOrigin(connection=self.connection, query=self.query, options=self.options())


class SourceRequest(UploadForm):
    """A data set from a file below a configured root."""

    source: FileAddress = Field(description="s3://ROOT/KEY; the suffix of the key says the format")

    def origin(self) -> FileOrigin:
        """Where the file is."""
        return FileOrigin(source=self.source, options=self.options())


class Sha256Path(RequestSchema):
    """The address of a stored file."""

    sha256: str = Field(pattern=SHA256_PATTERN)


class UploadedRequest(UploadForm):
    """A data set of an upload in pieces that is whole."""

    upload_id: Id = Field(description="of POST /uploads; the suffix of its file's name says the format")


class StoredFileRequest(UploadForm):
    """A data set over the bytes of a file that was uploaded before."""

    sha256: str = Field(
        pattern=SHA256_PATTERN, description="of the file; GET /datasets/sha256/{sha256} says if it is there"
    )
    file_name: str = Field(min_length=1, max_length=1_024, description="its suffix says the format")
