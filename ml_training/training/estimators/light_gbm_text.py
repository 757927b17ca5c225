"""Writes the names and categories of a user's frame into LightGBM's text, so that a frame is never misunderstood.

LightGBM maps the columns of pandas' type `category` by the list `pandas_categorical`, and refuses a frame in which the
number of such columns differs from that list: text and codes raise.
"""

import json
import re

from ml_training.inference.columns import ColumnKind
from ml_training.inference.schema import FeatureSchema
from ml_training.training.estimators.base import UserTerms

NAMES = re.compile(r"^feature_names=.*$", re.MULTILINE)
IMPORTANCES = re.compile(r"(?<=\nfeature_importances:\n)(Column_\d+=.*\n)+")
CATEGORICAL = re.compile(r"^pandas_categorical:.*$", re.MULTILINE)
UNWRITABLE = re.compile(r"""[\s\[\]{}":,=]""")  # in the name of a feature
LIKE_ANOTHER_TYPE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|true|false", re.IGNORECASE | re.ASCII)


def in_user_terms(text: str, terms: UserTerms) -> str:
    """The text with the names of the features, where each of them can be written, and the texts of the categories."""
    names = [feature.name for feature in terms.features]
    if not any(UNWRITABLE.search(name) for name in names):
        text = NAMES.sub(lambda _: f"feature_names={' '.join(names)}", text, count=1)
        text = IMPORTANCES.sub(lambda lines: _renamed(lines[0], names), text, count=1)
    categories = json.dumps(_categories(terms.features), separators=(",", ":"))
    return CATEGORICAL.sub(lambda _: f"pandas_categorical:{categories}", text, count=1)


def _renamed(lines: str, names: list[str]) -> str:
    return re.sub(r"^Column_(\d+)(?==)", lambda found: names[int(found[1])], lines, flags=re.MULTILINE)


def _categories(features: tuple[FeatureSchema, ...]) -> list[list[str]]:
    """The texts of each category feature; one list too many, so that no frame fits, where a text looks like a number.

    pandas reads a column of such texts as numbers, and LightGBM would take each of them for a missing value.
    """
    found = [list(feature.categories) for feature in features if feature.kind is ColumnKind.CATEGORY]
    is_doubtful = any(LIKE_ANOTHER_TYPE.fullmatch(text.strip()) for texts in found for text in texts)
    return [*found, []] if is_doubtful else found
