"""Nobody who asks for changes misses one, whatever commits in which order, is removed or restored: both databases."""

import threading
from contextlib import ExitStack

import pytest
from sqlalchemy import text

from ml_training.db import changes, claims, jobs, results
from ml_training.db.aliases import set_aliases
from ml_training.db.change_tables import changes as change_rows
from ml_training.domain.caller import SERVICE
from ml_training.domain.changes import Position
from ml_training.domain.errors import Invalid
from ml_training.maintenance.cleanup import forget_changes_once
from ml_training.services.cancel import request_cancel
from ml_training.services.changes import MOST_CHANGES, News, parse_position, read_news
from ml_training.services.projects import create_project
from ml_training.services.resources import Resources
from tests.support.api import ready_dataset, stored_model
from tests.support.jobs import store_dataset, store_job

Things = list[tuple[str, int]]


def things(news: News) -> Things:
    """What is told."""
    return [(item.kind, item.id) for item in news.items]


class Reader:
    """A client that asks again and again."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self.position = read_news(resources, None).position

    def ask(self) -> Things:
        """What has changed since the last call; a position that is not known fails."""
        news = read_news(self._resources, self.position)
        assert not news.reset
        self.position = news.position
        return things(news)


@pytest.fixture
def reader(resources: Resources) -> Reader:
    """A client that knows everything until now."""
    return Reader(resources)


def test_each_thing_is_told_when_it_changes(resources: Resources, reader: Reader) -> None:
    assert reader.ask() == []
    dataset_id = ready_dataset(resources)
    assert reader.ask() == [("dataset", dataset_id)]
    job_id = store_job(resources.database, dataset_id=dataset_id)
    assert reader.ask() == [("job", job_id)]
    with resources.database.write() as connection:
        claims.claim_next(connection, worker="w", lease_seconds=30.0)
    assert reader.ask() == [("job", job_id)]
    request_cancel(resources, job_id)
    assert reader.ask() == [("job", job_id)]
    first, second = (stored_model(resources, dataset_id=dataset_id, job_id=number) for number in (8, 9))
    assert reader.ask() == [("model", first), ("model", second)]
    with resources.database.write() as connection:
        set_aliases(connection, name="model", model_id=first, version=1, aliases=["champion"])
    assert reader.ask() == [("model", first)]
    with resources.database.write() as connection:
        set_aliases(connection, name="model", model_id=second, version=2, aliases=["champion"])
    assert sorted(reader.ask()) == [("model", first), ("model", second)], "the one that lost its alias too"
    with resources.database.write() as connection:
        results.describe_model(connection, first, description="new")
        connection.execute(text("UPDATE projects SET pending_jobs = 7"))
    assert reader.ask() == [("model", first), ("project", 1)]
    with resources.database.write() as connection:
        connection.execute(text("DELETE FROM jobs"))
    assert reader.ask() == [("job", job_id)]


def test_progress_is_no_change_but_is_in_each_answer(resources: Resources, reader: Reader) -> None:
    job_id = store_job(resources.database, dataset_id=store_dataset(resources.database))
    with resources.database.write() as connection:
        claims.claim_next(connection, worker="w", lease_seconds=30.0)
    reader.ask()
    progress = jobs.JobProgress(fraction=0.5, message="half", eta_seconds=2.0, features_count=1)
    with resources.database.write() as connection:
        jobs.renew(connection, job_id=job_id, attempt=1, lease_seconds=30.0, progress=progress)
    news = read_news(resources, reader.position)
    assert things(news) == []
    assert [(job.id, job.progress, job.progress_message) for job in news.running] == [(job_id, 0.5, "half")]


def test_a_thing_that_changes_twice_is_told_once_with_its_last_number(resources: Resources, reader: Reader) -> None:
    dataset_id = store_dataset(resources.database)
    first, second = (store_job(resources.database, dataset_id=dataset_id) for _ in range(2))
    request_cancel(resources, first)
    news = read_news(resources, reader.position)
    assert things(news) == [("dataset", dataset_id), ("job", second), ("job", first)]
    assert news.items[-1].seq > news.items[-2].seq


def test_many_changes_come_page_by_page(resources: Resources, reader: Reader) -> None:
    dataset_id = store_dataset(resources.database)
    stored = [store_job(resources.database, dataset_id=dataset_id)]
    with resources.database.write() as connection:
        rows = [new_row(dataset_id)] * (MOST_CHANGES + 500)
        stored += [job.id for job in jobs.insert_jobs(connection, rows, now=0.0)]
    pages = [reader.ask() for _ in range(3)]
    assert [len(page) for page in pages] == [MOST_CHANGES, 502, 0]
    assert [number for page in pages for kind, number in page if kind == "job"] == stored


def test_a_change_that_commits_after_a_later_one_is_told(resources: Resources) -> None:
    """On SQLite the second writer waits for the first: there is nothing to get wrong."""
    if resources.database.dialect == "sqlite":
        return
    dataset_id = store_dataset(resources.database)
    reader = Reader(resources)
    with ExitStack() as stack:
        slow = stack.enter_context(resources.database.write())
        early = jobs.insert_job(slow, **new_row(dataset_id))  # has its number before the next one
        late = store_job(resources.database, dataset_id=dataset_id)
        assert reader.ask() == [], "what commits now could come before it"
        assert Reader(resources).ask() == []
        newcomer = Reader(resources)
    assert reader.ask() == newcomer.ask() == [("job", early), ("job", late)]


def test_a_change_that_is_rolled_back_holds_nothing_up(resources: Resources, reader: Reader) -> None:
    dataset_id = store_dataset(resources.database)
    with resources.database.write() as connection:
        jobs.insert_job(connection, **new_row(dataset_id))
        connection.get_transaction().rollback()  # type: ignore[union-attr]
    job_id = store_job(resources.database, dataset_id=dataset_id)
    assert reader.ask() == [("dataset", dataset_id), ("job", job_id)]


def new_row(dataset_id: int) -> dict[str, object]:
    """The values of a job."""
    row = {"job_type": "TRAIN", "model_type": "ridge", "spec": {}, "dataset_id": dataset_id, "priority": 5}
    return {**row, "max_runtime_seconds": 1.0, "phases_count": 0}


def test_a_reader_beside_many_writers_gets_every_change(resources: Resources, reader: Reader) -> None:
    dataset_id = store_dataset(resources.database)
    stored: list[int] = []
    told: set[int] = set()

    def write() -> None:
        for _ in range(25):
            with resources.database.write() as connection:
                stored.extend(jobs.insert_job(connection, **new_row(dataset_id)) for _ in range(2))

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        told |= {number for kind, number in reader.ask() if kind == "job"}
    told |= {number for kind, number in reader.ask() if kind == "job"}
    assert told == set(stored)


def test_another_project_is_told_nothing(resources: Resources) -> None:
    other = resources.of(create_project(resources.database, SERVICE, {"name": "other"}).id)
    reader = Reader(other)
    store_job(resources.database, dataset_id=store_dataset(resources.database))
    assert reader.ask() == []
    store_dataset(other.database)
    assert [kind for kind, _ in reader.ask()] == ["dataset"]
    assert read_news(resources, reader.position).reset, "a position of another project is an unknown one"


def test_a_position_is_unknown_once_its_row_was_removed(resources: Resources, reader: Reader) -> None:
    dataset_id = store_dataset(resources.database)
    with resources.database.write() as connection:
        connection.execute(change_rows.update().values(at=change_rows.c.at - 7_200.0))
    reader = Reader(resources)
    assert forget_changes_once(resources) == 1, "the newest row stays, however old it is"
    assert reader.ask() == []
    store_job(resources.database, dataset_id=dataset_id)
    old = reader.position
    assert reader.ask() != []
    assert forget_changes_once(resources) == 1
    news = read_news(resources, old)
    assert (news.reset, things(news), news.position) == (True, [], reader.position)
    assert not read_news(resources, news.position).reset


def test_changes_are_removed_in_their_order(resources: Resources) -> None:
    """While the row of a position is there, all rows behind it are, also one whose clock was a little earlier."""
    dataset_id = store_dataset(resources.database)
    position = Reader(resources).position
    store_job(resources.database, dataset_id=dataset_id)
    store_job(resources.database, dataset_id=dataset_id)
    with resources.database.write() as connection:
        old = change_rows.c.at - 7_200.0
        connection.execute(change_rows.update().where(change_rows.c.id == position.number + 1).values(at=old))
    forget_changes_once(resources)
    assert len(read_news(resources, position).items) == 2


def test_after_a_restore_every_position_is_unknown(resources: Resources, reader: Reader) -> None:
    dataset_id = store_dataset(resources.database)
    later = Reader(resources)
    with resources.database.write() as connection:
        changes.start_over(connection)
    for position in (reader.position, later.position):
        assert read_news(resources, position).reset
    newcomer = Reader(resources)
    store_job(resources.database, dataset_id=dataset_id)
    assert len(newcomer.ask()) == 1


def test_a_database_that_was_set_back_gives_its_numbers_again(resources: Resources, reader: Reader) -> None:
    """As by a copy of its files: the same number, but at another time."""
    store_dataset(resources.database)
    reader.ask()
    with resources.database.write() as connection:
        connection.execute(change_rows.update().values(at=change_rows.c.at + 0.001))
    assert read_news(resources, reader.position).reset


def test_a_position_is_what_the_service_gave(resources: Resources) -> None:
    for wrong in ("", "7", "zz.zz", "1.2.3", "-1.0", "1" * 30):
        with pytest.raises(Invalid):
            parse_position(wrong)
    position = Position.of(7, 1_700_000_000.123456)
    assert parse_position(str(position)) == position
    assert read_news(resources, Position(0xFFFFFFFFFFFFFFF, 1)).reset
