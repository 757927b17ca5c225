"""The invariants that SQL can check, each as a query for the rows that violate it."""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from ml_training.db.results import RESULT_TABLES

TERMINAL = "('COMPLETED', 'FAILED', 'CANCELLED')"
RESULTS = " UNION ALL ".join(
    f"SELECT '{result.job_type}' AS job_type, id, job_id, attempt FROM {result.table.name}"
    for result in RESULT_TABLES.values()
)
RESULTS += " UNION ALL SELECT 'TRIAL', id, job_id, attempt FROM trials WHERE attempt IS NOT NULL"
_OF_PROJECT = (
    "jobs",
    "datasets",
    "models",
    "test_results",
    "comparisons",
    "predictions",
    "explanations",
    "drift_reports",
    "studies",
    "trials",
    "uploads",
)
OWNED = " UNION ALL ".join(f"SELECT '{table}' AS kind, id, project_id FROM {table}" for table in _OF_PROJECT)
# Every row that names another row: (kind, id) of the named one, and the project of the one that names it.
NAMED = " UNION ALL ".join(
    [
        f"SELECT '{kind}' AS kind, id, {column} AS named_id, project_id FROM {table}"
        for table, column, kind in (
            ("jobs", "dataset_id", "datasets"),
            ("datasets", "job_id", "jobs"),
            *((result.table.name, "job_id", "jobs") for result in RESULT_TABLES.values()),
            *((result.table.name, "dataset_id", "datasets") for result in RESULT_TABLES.values()),
            ("test_results", "model_id", "models"),
            ("comparisons", "winner_model_id", "models"),
            ("predictions", "model_id", "models"),
            ("explanations", "model_id", "models"),
            ("drift_reports", "model_id", "models"),
            ("studies", "best_model_id", "models"),
            ("jobs", "parent_id", "jobs"),
            ("jobs", "reused_from", "jobs"),
            ("trials", "job_id", "jobs"),
            ("trials", "study_job_id", "jobs"),
            ("uploads", "dataset_id", "datasets"),
        )
    ]
    + [
        "SELECT 'models', j.id, n.model_id, j.project_id FROM job_models n JOIN jobs j ON j.id = n.job_id",
        "SELECT 'models', model_id, model_id, project_id FROM model_aliases",
        "SELECT 'models', model_id, model_id, project_id FROM model_tags",
    ]
)
STORED = """SELECT project_id, sum(bytes) AS bytes FROM (
    SELECT project_id, raw_bytes + index_bytes AS bytes FROM datasets WHERE deleted_at IS NULL
    UNION ALL SELECT project_id, artifact_bytes FROM models WHERE deleted_at IS NULL
    UNION ALL SELECT project_id, bytes FROM predictions WHERE deleted_at IS NULL) AS stored GROUP BY project_id"""

# Each query finds the rows that are wrong, so it should find none.
QUERIES = {
    "1: a terminal job has an end, another has none": f"""
        SELECT id FROM jobs WHERE (status IN {TERMINAL}) <> (finished_at IS NOT NULL)""",
    "3: a COMPLETED job has its one result, of the attempt that the row names": f"""
        SELECT j.id FROM jobs j LEFT JOIN ({RESULTS}) r
          ON r.job_id = j.id AND r.job_type = j.job_type AND r.id = j.result_id AND r.attempt = j.attempt
        WHERE j.status = 'COMPLETED' AND j.job_type <> 'INGEST' AND r.id IS NULL""",
    "3: a result belongs to a COMPLETED job": f"""
        SELECT r.id FROM ({RESULTS}) r JOIN jobs j ON j.id = r.job_id WHERE j.status <> 'COMPLETED'""",
    "3: an INGEST job and its data set agree": f"""
        SELECT j.id FROM jobs j JOIN datasets d ON d.job_id = j.id
        WHERE j.job_type = 'INGEST' AND (
          (j.status IN {TERMINAL}) <> (d.status <> 'PROCESSING')
          OR (j.status IN ('FAILED', 'CANCELLED') AND d.status <> 'REJECTED')
          OR (j.status = 'COMPLETED' AND j.result_id <> d.id))""",
    "6: a job is RUNNING exactly while it has a lease and a worker": """
        SELECT id FROM jobs WHERE (status = 'RUNNING') <> (lease_until IS NOT NULL)
          OR (status = 'RUNNING' AND (worker IS NULL OR attempt < 1))""",
    "6: an attempt is lost once, and only one that there was": """
        SELECT j.id FROM jobs j JOIN lost_attempts l ON l.job_id = j.id WHERE l.attempt > j.attempt""",
    "6: a study waits for as many jobs as have not ended": """
        SELECT p.id FROM jobs p WHERE p.open_children IS NOT NULL AND p.status IN ('PENDING', 'RUNNING')
          AND p.open_children <> (SELECT count(*) FROM jobs c
                                  WHERE c.parent_id = p.id AND c.status IN ('PENDING', 'RUNNING'))""",
    "7: no job of a study outlives it": f"""
        SELECT c.id FROM jobs c JOIN jobs p ON p.id = c.parent_id
        WHERE p.status IN {TERMINAL} AND c.status IN ('PENDING', 'RUNNING') AND NOT c.cancel_requested""",
    "1: the row of a trial says how its job has ended": f"""
        SELECT t.id FROM trials t JOIN jobs j ON j.id = t.job_id
        WHERE coalesce(t.status, '') <> CASE WHEN j.status IN {TERMINAL} THEN j.status ELSE '' END""",
    "7: a job with a cancel request neither waits nor is COMPLETED": """
        SELECT id FROM jobs WHERE status IN ('PENDING', 'COMPLETED') AND cancel_requested""",
    "8: the counters of a project are what its rows say": f"""
        SELECT p.id FROM projects p
        LEFT JOIN (SELECT project_id, sum(pending) AS pending, sum(running) AS running, sum(stored_bytes) AS bytes
                   FROM project_counters GROUP BY project_id) c ON c.project_id = p.id
        LEFT JOIN (SELECT project_id, sum(CASE WHEN status = 'PENDING' THEN 1 ELSE 0 END) AS pending,
                   sum(CASE WHEN status = 'RUNNING' THEN 1 ELSE 0 END) AS running
                   FROM jobs GROUP BY project_id) j ON j.project_id = p.id
        LEFT JOIN ({STORED}) s ON s.project_id = p.id
        WHERE coalesce(c.pending, 0) <> coalesce(j.pending, 0) OR coalesce(c.running, 0) <> coalesce(j.running, 0)
          OR coalesce(c.bytes, 0) <> coalesce(s.bytes, 0)""",
    "15: every row belongs to a project that there is": f"""
        SELECT r.id FROM ({OWNED}) r LEFT JOIN projects p ON p.id = r.project_id WHERE p.id IS NULL""",
    "15: what one project stores, another does not name": f"""
        SELECT r.id FROM ({NAMED}) r JOIN ({OWNED}) o ON o.kind = r.kind AND o.id = r.named_id
        WHERE o.project_id <> r.project_id""",
    "4: an upload has its pieces without a gap until a data set is made of it": """
        SELECT u.id FROM uploads u LEFT JOIN (
            SELECT upload_id, count(*) AS pieces, sum(bytes) AS bytes, max(first_byte + bytes) AS last
            FROM upload_pieces GROUP BY upload_id) p ON p.upload_id = u.id
        WHERE u.received_bytes > u.bytes OR CASE WHEN u.dataset_id IS NOT NULL
          THEN p.pieces IS NOT NULL OR u.received_bytes <> u.bytes
          ELSE coalesce(p.pieces, 0) <> u.pieces OR coalesce(p.bytes, 0) <> u.received_bytes
            OR coalesce(p.last, 0) <> u.received_bytes END""",
    "12: a model that a job needs is not deleted": """
        SELECT j.id FROM jobs j JOIN job_models n ON n.job_id = j.id JOIN models m ON m.id = n.model_id
        WHERE j.status IN ('PENDING', 'RUNNING') AND m.deleted_at IS NOT NULL""",
    "13: an alias points to a model of its name that is not deleted": """
        SELECT m.id FROM model_aliases a JOIN models m ON m.id = a.model_id
        WHERE m.deleted_at IS NOT NULL OR m.name <> a.name""",
    "3: only a COMPLETED job has the result of an equal one": """
        SELECT id FROM jobs WHERE reused_from IS NOT NULL AND (status <> 'COMPLETED' OR reused_from = id)""",
    "10: a model that was reused is that of an equal job": """
        SELECT m.id FROM models m JOIN jobs j ON j.id = m.job_id LEFT JOIN models s ON s.job_id = j.reused_from
        WHERE j.reused_from IS NOT NULL AND (s.id IS NULL OR s.reuse_key <> m.reuse_key
          OR s.project_id <> m.project_id OR s.artifact_sha256 <> m.artifact_sha256)""",
    "10: a prediction that was reused is that of an equal job": """
        SELECT p.id FROM predictions p JOIN jobs j ON j.id = p.job_id
        LEFT JOIN predictions s ON s.job_id = j.reused_from
        WHERE j.reused_from IS NOT NULL AND (s.id IS NULL OR s.sha256 <> p.sha256 OR s.project_id <> p.project_id
          OR coalesce(s.reuse_key, '') <> coalesce(p.reuse_key, ''))""",
    "10: a trial with reused scores is like the one that it has them from": """
        SELECT t.id FROM trials t JOIN jobs j ON j.id = t.job_id LEFT JOIN trials s ON s.job_id = j.reused_from
        WHERE j.reused_from IS NOT NULL AND s.id IS NOT NULL
          AND (s.reuse_key <> t.reuse_key OR s.project_id <> t.project_id)""",
    "18: a trial continues an earlier one of its study, which has a score": """
        SELECT t.id FROM trials t LEFT JOIN trials b ON b.study_job_id = t.study_job_id AND b.number = t.continues
        WHERE t.continues IS NOT NULL AND (b.score IS NULL OR b.number >= t.number)""",
    "1: the times of a job are in order": """
        SELECT id FROM jobs WHERE started_at < created_at - 0.001 OR finished_at < started_at - 0.001""",
}

# Counters above the rows are right: retention removes rows, never counts.
COUNTERS = f"""
    SELECT r.job_type, r.status, coalesce(c.n, 0), r.n
    FROM (SELECT job_type, status, count(*) AS n FROM jobs WHERE status IN {TERMINAL} GROUP BY job_type, status
          UNION ALL SELECT job_type, 'reused', count(*) FROM jobs WHERE reused_from IS NOT NULL GROUP BY job_type) AS r
    LEFT JOIN (
      SELECT job_type, CASE kind WHEN 'reused' THEN kind ELSE label END AS status, sum(n) AS n FROM (
        SELECT kind, job_type, label, n FROM ledger_totals WHERE kind IN ('terminal', 'reused')
        UNION ALL SELECT kind, job_type, label, 1 FROM ledger WHERE kind IN ('terminal', 'reused')) AS both_parts
      GROUP BY 1, 2) AS c ON c.job_type = r.job_type AND c.status = r.status
    WHERE coalesce(c.n, 0) < r.n"""


def broken_rows(connection: Connection) -> Iterator[tuple[str, list[int]]]:
    """(rule, ids) of each rule that is broken, at most 20 ids a rule."""
    for rule, query in QUERIES.items():
        ids = [int(row[0] or 0) for row in connection.execute(text(f"{query} LIMIT 20"))]
        if ids:
            yield rule, ids


def counter_gaps(connection: Connection) -> list[str]:
    """Invariant 8: the counters are never below the rows that are there."""
    return [f"{row[0]} {row[1]}: counted {row[2]}, rows {row[3]}" for row in connection.execute(text(COUNTERS))]
