"""Sessions of people who have signed in: each is a key that expires soon, and that only a cookie of a browser holds."""

import secrets
from collections.abc import Callable
from dataclasses import asdict

from ml_training.db import keys, projects
from ml_training.db.clock import read_clock
from ml_training.db.engine import Database
from ml_training.domain.api_keys import ID_BYTES, SECRET_BYTES, ApiKey
from ml_training.domain.audit import AuditAction
from ml_training.domain.caller import Caller
from ml_training.domain.role_rules import RoleRule, rule_for
from ml_training.domain.sign_in import Person, SignInFailed, SignInTrouble
from ml_training.services.audit import audited_change
from ml_training.services.keys import NewKey

SESSIONS = 10  # of one person at a time; the oldest ends when there is one more


def open_session(
    database: Database,
    person: Person,
    rules: tuple[RoleRule, ...],
    *,
    seconds: float,
    address: str,
    request_id: str,
    token_hex: Callable[[int], str] = secrets.token_hex,
) -> NewKey:
    """Store a session with the role of the first rule that fits; raises SignInFailed, Unavailable."""
    rule = rule_for(person.roles, rules)
    if rule is None:
        raise SignInFailed(SignInTrouble.ROLE, f"no rule of OIDC_ROLES gives a role to {person.person_id}")
    key = ApiKey(token_hex(ID_BYTES), token_hex(SECRET_BYTES))
    project_id = _project_id(database, rule.project)
    caller = Caller(person.person_id, rule.role, project_id, address, request_id)
    with audited_change(database, caller, AuditAction.SIGN_IN, key.key_id) as change:
        stored = keys.insert_key(
            change.connection,
            key_id=key.key_id,
            secret_sha256=key.digest,
            role=rule.role,
            project_id=project_id,
            name=person.name,
            person_id=person.person_id,
            expires_at=read_clock(change.connection) + seconds,
        )
        keys.end_sessions(change.connection, person.person_id, keep=SESSIONS)
    return NewKey(**asdict(stored), key=key.text)


def end_session(database: Database, caller: Caller, session_id: str) -> None:
    """Sign out: no process accepts the session from about a second later on; raises Unavailable."""
    with audited_change(database, caller, AuditAction.SIGN_OUT, session_id) as change:
        keys.revoke_key(change.connection, session_id)


def _project_id(database: Database, name: str) -> int:
    with database.read() as connection:
        found = projects.find_project(connection, name)
    if found is None:
        raise SignInFailed(SignInTrouble.PROJECT, f"OIDC_ROLES names the project {name!r}, which there is not")
    return found.id
