"""The invariants that SQL can check, each as a query for the rows that violate it."""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from ml_training.db.results import RESULT_TABLES

TERMINAL = "('COMPLETED', 'FAILED', 'CANCELLED')"
RESULTS = " UNION ALL ".join(
    f"SELECT '{result.job_type}' AS job_type, id, job_id, attempt FROM {result.table.name}"
    for result in RESULT_TABLES.values()
)

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
    "7: a job with a cancel request neither waits nor is COMPLETED": """
        SELECT id FROM jobs WHERE status IN ('PENDING', 'COMPLETED') AND cancel_requested""",
    "8: the length of the queue is the number of PENDING jobs": """
        SELECT min(id) FROM queue_lengths
        HAVING coalesce(sum(n), 0) <> (SELECT count(*) FROM jobs WHERE status = 'PENDING')""",
    "12: a model that a job needs is not deleted": """
        SELECT j.id FROM jobs j JOIN job_models n ON n.job_id = j.id JOIN models m ON m.id = n.model_id
        WHERE j.status IN ('PENDING', 'RUNNING') AND m.deleted_at IS NOT NULL""",
    "13: an alias points to a model of its name that is not deleted": """
        SELECT m.id FROM model_aliases a JOIN models m ON m.id = a.model_id
        WHERE m.deleted_at IS NOT NULL OR m.name <> a.name""",
    "1: the times of a job are in order": """
        SELECT id FROM jobs WHERE started_at < created_at - 0.001 OR finished_at < started_at - 0.001""",
}

# Counters above the rows are right: retention removes rows, never counts.
COUNTERS = f"""
    SELECT r.job_type, r.status, coalesce(c.n, 0), r.n
    FROM (SELECT job_type, status, count(*) AS n FROM jobs WHERE status IN {TERMINAL} GROUP BY job_type, status) AS r
    LEFT JOIN (
      SELECT job_type, label AS status, sum(n) AS n FROM (
        SELECT job_type, label, n FROM ledger_totals WHERE kind = 'terminal'
        UNION ALL SELECT job_type, label, 1 FROM ledger WHERE kind = 'terminal') AS both_parts
      GROUP BY job_type, label) AS c ON c.job_type = r.job_type AND c.status = r.status
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
