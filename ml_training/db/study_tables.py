"""The tables of studies: what each trial of a TUNE job tried and reached, and what the whole study found."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, Table, Text, text

from ml_training.db.columns import BigId, double, foreign_key, id_column, integer, project_column, string, time
from ml_training.db.name_search import search_index
from ml_training.db.tables import metadata

trials = Table(  # a row is made with the trial's job and outlives it
    "trials",
    metadata,
    id_column(),
    Column("study_job_id", BigId, nullable=False),  # the TUNE job
    Column("number", Integer, nullable=False),  # 1, 2, 3, ... in the order in which the sampler chose them
    Column("job_id", BigId, nullable=False, unique=True),
    Column("parameters", JSON, nullable=False),  # {"/params/num_leaves": 31}
    Column("attempt", Integer, nullable=True),  # of the job that has stored the score
    double("score", nullable=True),
    Column("scores", JSON, nullable=True),
    # A trigger fills these in when the job ends, whoever ends it.
    Column("status", Text, nullable=True),
    double("seconds", nullable=True),
    string("error_message", nullable=True),
    Column("continues", Integer, nullable=True),  # the number of the trial that it continues with more rounds
    string("reuse_key", nullable=True),  # of a scored one: equal for equal trials, see execution/reuse_key.py
    project_column(),
    sqlite_autoincrement=True,
)
Index("trials_of_study", trials.c.study_job_id, trials.c.number, unique=True)
Index(
    "trials_reuse",
    trials.c.project_id,
    trials.c.reuse_key,
    trials.c.id,
    sqlite_where=text("reuse_key IS NOT NULL"),
    postgresql_where=text("reuse_key IS NOT NULL"),
)

studies = Table(
    "studies",
    metadata,
    id_column(),
    Column("job_id", BigId, nullable=False, unique=True),
    Column("attempt", Integer, nullable=False),
    foreign_key("dataset_id", "datasets.id"),
    foreign_key("best_model_id", "models.id"),
    string("metric"),
    string("sampler"),
    integer("trials"),
    integer("failed_trials"),
    integer("best_trial"),
    double("best_score", nullable=True),  # NULL: undefined for every trial
    string("stopped_by"),
    Column("details", JSON, nullable=False),  # best_values, importances, and warm_start if it began with earlier trials
    time("created_at"),
    string("warm_key", nullable=True),  # equal for studies whose scores can be compared: see handlers/warm_start.py
    project_column(),
    string("model_name", nullable=True),  # null: stored by code before schema 0021
    sqlite_autoincrement=True,
)
Index("studies_by_project", studies.c.project_id, studies.c.id)
search_index(studies, "studies_search", studies.c.model_name, None, "model_name IS NOT NULL")
Index(
    "studies_warm",
    studies.c.project_id,
    studies.c.warm_key,
    studies.c.id,
    sqlite_where=text("warm_key IS NOT NULL"),
    postgresql_where=text("warm_key IS NOT NULL"),
)

warm_starts = Table(  # with which earlier trials a study has begun; made with its first trials
    "warm_starts",
    metadata,
    Column("study_job_id", BigId, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("taken", JSON, nullable=False),  # [{"study_id", "number", "job_id", "values", "score"}, ...]
)
