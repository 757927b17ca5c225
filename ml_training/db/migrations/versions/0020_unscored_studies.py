"""A study may have no best score: its metric is undefined on the held-out rows of every trial.

The code before this revision keeps working on it; it cannot show such a study.

Revision ID: 0020
"""

import re

from alembic import op

from ml_training.db.sqlite_definitions import edit_definition

revision = "0020"
down_revision = "0019"
oldest_code = "0009"

BEST_SCORE = re.compile(r"\bbest_score DOUBLE NOT NULL")


def upgrade() -> None:
    """One column may be NULL."""
    if op.get_bind().dialect.name == "sqlite":
        edit_definition(op.get_bind(), "studies", BEST_SCORE, lambda _: "best_score DOUBLE")
    else:
        op.alter_column("studies", "best_score", nullable=True)
