"""The tables of aliases: where each one points to, and where it has pointed to before."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from ml_training.db.columns import BigId, id_column, project_column, string, time
from ml_training.db.project_tables import metadata

model_aliases = Table(  # the key makes an alias point to one version of a name
    "model_aliases",
    metadata,
    project_column(primary_key=True),
    Column("name", Text, primary_key=True),
    Column("alias", Text, primary_key=True),
    Column("model_id", BigId, ForeignKey("models.id"), nullable=False, index=True),
    time("created_at"),
)
Index("model_aliases_alias", model_aliases.c.project_id, model_aliases.c.alias, model_aliases.c.model_id)

alias_moves = Table(  # only the newest ones of a name are kept
    "alias_moves",
    metadata,
    id_column(),
    project_column(),
    string("name"),
    string("alias"),
    Column("model_id", BigId, nullable=True),  # where it points to from then on; NULL: nowhere
    Column("version", Integer, nullable=True),  # of that model
    time("moved_at"),
    string("moved_by", nullable=True),  # the id of the key
    sqlite_autoincrement=True,
)
Index("alias_moves_name", alias_moves.c.project_id, alias_moves.c.name, alias_moves.c.id)
