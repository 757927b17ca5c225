"""Who asks: the role, the project and the address behind one request."""

from dataclasses import dataclass
from enum import StrEnum

DEFAULT_PROJECT_ID = 1  # the project `default`: of every row from before there were projects, and of the open service


class Role(StrEnum):
    """What a caller may do; each role may also do everything that the roles before it may."""

    VIEWER = "viewer"  # reads
    SUBMITTER = "submitter"  # uploads data, submits jobs, stops and deletes what it made itself
    OPERATOR = "operator"  # stops and deletes what others made, moves aliases
    ADMIN = "admin"  # keys, projects, quotas, audit

    def includes(self, needed: "Role") -> bool:
        """True if this role may do what `needed` may."""
        return RANKS[self] >= RANKS[needed]


# Looked up instead of compared as text: a StrEnum's own < is the alphabet's.
RANKS = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    key_id: the public id of the key, or the id of the person who signed in; None on a service without keys, which is
    open. address: as the API sees it, so of the proxy behind one. request_id: of the one request.
    """

    key_id: str | None
    role: Role
    project_id: int
    address: str
    request_id: str = ""


# A process of the service itself: a worker, maintenance, a command on the machine of the database.
SERVICE = Caller(key_id=None, role=Role.ADMIN, project_id=DEFAULT_PROJECT_ID, address="")
