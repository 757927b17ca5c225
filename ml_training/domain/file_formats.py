"""The file formats of an upload, by the suffix of the file's name."""

TEXT_FORMATS = frozenset({"csv", "csv.gz", "tsv", "tsv.gz"})
JSON_FORMATS = frozenset({"jsonl", "jsonl.gz"})
GZIP = ".gz"
FORMATS = {  # a longer suffix comes before one that it ends with
    ".csv": "csv",
    ".csv.gz": "csv.gz",
    ".txt": "csv",
    ".txt.gz": "csv.gz",
    ".tsv": "tsv",
    ".tsv.gz": "tsv.gz",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl.gz",
    ".ndjson": "jsonl",
    ".ndjson.gz": "jsonl.gz",
    ".xlsx": "xlsx",
    ".feather": "feather",
    ".arrow": "feather",
    ".parquet": "parquet",
}


def format_of_name(filename: str) -> str | None:
    """The format that the suffix of a file name says; None for an unknown suffix."""
    name = filename.lower()
    return next((file_format for suffix, file_format in FORMATS.items() if name.endswith(suffix)), None)
