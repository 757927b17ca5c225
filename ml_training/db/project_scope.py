"""The project of a transaction, which every statement about a project's rows reads: set once, where it begins.

A statement without its condition would show one project the rows of another, and nobody would see it in the code that
calls it. So no function takes a project as an argument that could be forgotten or mixed up: `Database.of` binds one to
its transactions, `own` is the condition of every statement on a table with a `project_id`, and new rows get it as the
default of their column. Without a project both raise: workers and maintenance, which serve all projects, cannot read
one by accident. A test reads every statement (tests/integration/test_project_conditions.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import BigInteger, ColumnElement, FromClause, bindparam

_project: ContextVar[int | None] = ContextVar("project", default=None)


def current_project() -> int:
    """The project of this transaction; raises RuntimeError when it has none."""
    project_id = _project.get()
    if project_id is None:
        raise RuntimeError("this transaction belongs to no project: begin it with Database.of(project_id)")
    return project_id


@contextmanager
def in_project(project_id: int | None) -> Iterator[None]:
    """Bind a project to the statements of the block; None takes it away."""
    token = _project.set(project_id)
    try:
        yield
    finally:
        _project.reset(token)


# Read when a statement is executed, so that a statement is built and compiled once for all projects.
OWN = bindparam("own_project", callable_=current_project, type_=BigInteger())


def own(table: FromClause) -> ColumnElement[bool]:
    """Only the rows of this transaction's project; table: one with a `project_id`, or an alias of it."""
    condition: ColumnElement[bool] = table.c.project_id == OWN
    return condition
