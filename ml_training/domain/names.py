"""Which names models and data sets may have, and a valid name for a file. Without pydantic: the client uses it too."""

import re
import unicodedata

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
NAME_HINT = "1 to 64 letters, digits, '_', '.' or '-', starting with a letter or digit"
LONGEST_NAME = 64
MOST_PROJECT_NAMES = 100
DATA_SUFFIX = re.compile(
    r"(\.(csv|tsv|tab|txt|jsonl|ndjson|json|parquet|feather|arrow|xlsx|zip))?(\.gz)?$", re.IGNORECASE
)
SPELLED_OUT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa"}
)


def is_name(text: str) -> bool:
    """Whether `text` may name a model or a data set."""
    return re.fullmatch(NAME_PATTERN, text) is not None


def project_names(setting: str) -> list[str]:
    """The names in a list with commas, each once; raises ValueError for what is no name, and for more than 100."""
    names = list(dict.fromkeys(part.strip() for part in setting.split(",") if part.strip()))
    if not all(map(is_name, names)) or len(names) > MOST_PROJECT_NAMES:
        raise ValueError(f"must be at most {MOST_PROJECT_NAMES} names of projects, separated by commas: {NAME_HINT}")
    return names


def name_of_file(file_name: str) -> str:
    """A valid name made of a file name without its suffix.

    >>> name_of_file("my data (1).csv"), name_of_file("Umsätze.CSV.gz"), name_of_file("数据.csv")
    ('my-data-1', 'Umsaetze', 'data')
    """
    stem = DATA_SUFFIX.sub("", unicodedata.normalize("NFC", file_name)).translate(SPELLED_OUT)
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_.]+", "-", plain).strip("-_.")[:LONGEST_NAME].rstrip("-") or "data"
