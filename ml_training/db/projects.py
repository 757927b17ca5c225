"""Every statement about projects: their names, and what each may use."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, RowMapping, Select, cast, func, select, update

from ml_training.db.clock import db_now
from ml_training.db.project_scope import OWN
from ml_training.db.project_tables import QUOTAS, project_counters, projects
from ml_training.db.tables import jobs
from ml_training.db.upsert import conflict_insert
from ml_training.domain.quotas import Project, Quotas, Usage

COUNTED = ("pending", "running", "stored_bytes")
_OWN_QUOTAS = select(*(projects.c[name] for name in QUOTAS)).where(projects.c.id == OWN)
_OWN_NAME = select(projects.c.name).where(projects.c.id == OWN)
# Other transactions that check a quota of the project wait; those that only name it do not.
_LOCK_OWN = _OWN_QUOTAS.with_for_update(key_share=True)
_OWN_TIMES = (
    select(jobs.c.created_at)
    .where(jobs.c.project_id == OWN, jobs.c.parent_id.is_(None))
    .order_by(jobs.c.project_id.desc(), jobs.c.id.desc())
)


def insert_project(connection: Connection, name: str, quotas: Mapping[str, int | None]) -> int | None:
    """Store a project; its id, or None when there is one of this name."""
    row = conflict_insert(connection.dialect.name, projects).values(name=name, created_at=db_now(), **quotas)
    found = connection.execute(row.on_conflict_do_nothing().returning(projects.c.id)).scalar()
    return None if found is None else int(found)


def set_quotas(connection: Connection, project_id: int, quotas: Mapping[str, int | None]) -> None:
    """Change the given quotas of a project, and no others."""
    if quotas:
        connection.execute(update(projects).where(projects.c.id == project_id).values(**quotas))


def get_project(connection: Connection, project_id: int) -> Project | None:
    """The project, or None."""
    row = connection.execute(_described().where(projects.c.id == project_id)).mappings().first()
    return None if row is None else _project(row)


def find_project(connection: Connection, name: str) -> Project | None:
    """The project of this name, or None."""
    row = connection.execute(_described().where(projects.c.name == name)).mappings().first()
    return None if row is None else _project(row)


def own_name(connection: Connection) -> str:
    """The name of the transaction's project."""
    return str(connection.execute(_OWN_NAME).scalar_one())


def list_projects(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[Project]:
    """Newest first. before_id: where the page before ended."""
    query = _described().order_by(projects.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(projects.c.id < before_id)
    return [_project(row) for row in connection.execute(query).mappings()]


def read_quotas(connection: Connection, *, lock: bool) -> Quotas:
    """The quotas of the transaction's project; lock: nobody else checks them until the end of the transaction."""
    row = connection.execute(_LOCK_OWN if lock else _OWN_QUOTAS).mappings().first()
    return Quotas() if row is None else Quotas(**row)


def submitted_at(connection: Connection, *, number: int) -> float | None:
    """When the `number`-th newest job of the transaction's project was stored, 1 is the newest; None if there is none.

    It reads as many entries of an index.
    """
    return connection.execute(_OWN_TIMES.offset(number - 1).limit(1)).scalar()


def _described() -> Select[Any]:
    used = project_counters.c.project_id == projects.c.id
    sums = (
        select(cast(func.coalesce(func.sum(project_counters.c[name]), 0), BigInteger))
        .where(used)
        .correlate(projects)
        .scalar_subquery()
        .label(f"used_{name}")
        for name in COUNTED
    )
    return select(projects, *sums)


def _project(row: RowMapping) -> Project:
    return Project(
        id=row["id"],
        name=row["name"],
        created_at=row["created_at"],
        quotas=Quotas(**{name: row[name] for name in QUOTAS}),
        usage=Usage(*(int(row[f"used_{name}"]) for name in COUNTED)),
    )
