"""Every statement on a table of projects names the project, or is one that serves all of them, for a reason."""

import re
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from ml_training.db.engine import Database, open_database
from ml_training.db.tables import metadata
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from tests.support.every_statement import every_call, functions_with_statements, recorded
from tests.support.jobs import store_dataset, store_job

OWNED = {table.name for table in metadata.tables.values() if "project_id" in table.c}
COUNTERS = {"project_counters"}  # numbers of all projects; who may read those of one is checked like rows
# A row is named by the id of a job that the caller holds, by its attempt: the job was claimed, or asked for, before.
FENCE = "a running job changes its own row, named by id and attempt"
AN_ADMIN = "an admin cares for all projects"
WHOLE = "it serves all projects and shows nothing to a caller"
OF_ALL_PROJECTS = {
    "claims.claim_next": "the claim chooses between the projects",
    "claims.count_due": "the relay wakes workers for all projects",
    "jobs.ended_since": "with of_all: the rate at which the service works, for the limit of the whole queue",
    "jobs.read_stop_signals": FENCE,
    "jobs.lock_attempt": FENCE,
    "jobs.renew": FENCE,
    "jobs.complete": FENCE,
    "jobs.fail": FENCE,
    "jobs.cancel_running": FENCE,
    "jobs.hand_back": FENCE,
    "jobs.wait_for_children": FENCE,
    "missing_objects.missed_by": FENCE,
    "missing_objects.record_miss": FENCE,
    "jobs.has_expired_lease": "the reaper takes back lost jobs of all projects",
    "jobs.expired_leases": "the reaper takes back lost jobs of all projects",
    "datasets.mark_ready": "the INGEST job decides about its own data set; the reaper does it for a lost one",
    "datasets.mark_rejected": "the INGEST job decides about its own data set; the reaper does it for a lost one",
    "queue_length.count_pending": "the limit of the whole queue",
    "queue_length.read_queue": "the limit of the whole queue",
    "queue_place.count_running": "whether a slot is free depends on all jobs",
    "overview.running_on_workers": "of other projects only a number is shown",
    "changes.forget_changes": WHOLE,
    "retention.forget_jobs": WHOLE,
    "uploads.forget_uploads": WHOLE,
    "retention.forget_keys": WHOLE,
    "storage_identity.newest_uploads": "it looks whether the storage is the right one",
    "storage_references.named_keys": "equal bytes are stored once for all projects",
    "removals.mark_unnamed": "equal bytes are stored once for all projects",
    "removals.begin_removals": "equal bytes are stored once for all projects",
    "untaken_jobs.untaken_slots": "whether the workers of the whole service take jobs",
    "audit.list_audit": AN_ADMIN,
    "audit.forget_audit": WHOLE,
    "keys.insert_key_once": AN_ADMIN,
    "keys.get_key": AN_ADMIN,
    "keys.list_keys": AN_ADMIN,
    "keys.revoke_key": AN_ADMIN,
    "keys.end_sessions": "somebody who signs in ends sessions of their own, of every project",
    "keys.valid_keys": "the key of a request says which project it is for",
    "keys.record_uses": WHOLE,
    "projects.get_project": AN_ADMIN,
    "projects.find_project": AN_ADMIN,
    "projects.list_projects": AN_ADMIN,
} | {name: "the exporter: numbers of the whole service" for name in functions_with_statements() if "Stats." in name}

NAMES_ITS_PROJECT = {
    "audit.add_entries",
    "keys.insert_key",
}  # each row says which one, the service adds some of its own


@pytest.fixture
def database(new_sqlite: Callable[[], str]) -> Iterator[Database]:
    """A database with a data set, a job and a model."""
    database = open_database(new_sqlite()).of(DEFAULT_PROJECT_ID)
    dataset_id = store_dataset(database)
    store_job(database, dataset_id=dataset_id)
    with database.write() as connection:
        connection.execute(
            text("""INSERT INTO models (name, version, model_type, task, job_id, attempt, dataset_id, dataset_sha256,
              artifact_key, artifact_sha256, artifact_bytes, scores, details, lineage, created_at)
            VALUES ('bench', 1, 'mlp', 'binary', 9, 1, 1, '', '', '', 1, '{}', '{}', '{}', 0.0)""")
        )
    yield database
    database.dispose()


def statements_of(database: Database) -> Iterator[tuple[str, str]]:
    """(function, statement) of every statement of the product, as it is executed."""
    for name, ways in every_call(dataset_id=1, running=1, model_id=1).items():
        for way in ways:
            with recorded(many_too=True) as statements, database.write() as connection:
                way(connection)
                connection.get_transaction().rollback()  # type: ignore[union-attr]
            yield from ((name, " ".join(statement.split())) for statement in statements)


def unconditional(statement: str) -> set[str]:
    """The tables of projects that a statement reads or changes without a condition on the project."""
    named = re.findall(r"(?:FROM|JOIN|UPDATE|INTO|,) \"?(\w+)\"?(?: AS \"?(\w+)\"?)?", statement)
    wrong = set()
    for table, alias in named:
        if table not in OWNED - COUNTERS:
            continue
        if statement.startswith("INSERT"):
            columns = statement.split("(", 1)[1].split(")", 1)[0]
            if "project_id" not in columns:
                wrong.add(table)
        elif not re.search(rf"\(?\b{alias or table}\.project_id(, [\w.]+)*\)? (=|>) \(?\?", statement):
            wrong.add(table)
    return wrong


def test_every_statement_names_the_project_of_its_caller(database: Database) -> None:
    found: dict[str, set[str]] = {}
    for name, statement in statements_of(database):
        for table in unconditional(statement):
            found.setdefault(name, set()).add(f"{table}: {statement}")
    forgotten = {name: sorted(why) for name, why in found.items() if name not in OF_ALL_PROJECTS}
    assert not forgotten, "\n".join(f"{name}: {line}" for name, lines in forgotten.items() for line in lines)
    assert set(OF_ALL_PROJECTS) <= functions_with_statements()


def test_no_project_is_no_answer(database: Database) -> None:
    """A process that serves all projects cannot read the rows of one by accident."""
    dataset_id = 1
    of_none = database.of(1)
    of_none.project_id = None
    names = functions_with_statements() - set(OF_ALL_PROJECTS) - NAMES_ITS_PROJECT
    calls = every_call(dataset_id=dataset_id, running=1, model_id=1)
    for name in sorted(names & set(calls)):
        with recorded(many_too=True) as statements, database.write() as connection:
            calls[name][0](connection)
            connection.get_transaction().rollback()  # type: ignore[union-attr]
        touched = {table for statement in statements for table in re.findall(r"\w+", statement)} & (OWNED - COUNTERS)
        if touched:
            with pytest.raises((RuntimeError, StatementError)), of_none.write() as connection:
                calls[name][0](connection)


def test_the_list_of_exceptions_holds_nothing_that_needs_none(database: Database) -> None:
    found = {name for name, statement in statements_of(database) if unconditional(statement)}
    serve_none = {"queue_length.count_pending", "queue_length.read_queue"}
    stale = {name for name in OF_ALL_PROJECTS if name not in found and not name.startswith(("projects.", "Stats."))}
    assert stale <= serve_none
