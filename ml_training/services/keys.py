"""Makes, lists and revokes API keys, and stores the one that an operator made for the first start."""

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from ml_training.db import keys, projects
from ml_training.db.clock import read_clock
from ml_training.db.engine import Database
from ml_training.domain.api_keys import FORM, ID_BYTES, NAME_CHARACTERS, SECRET_BYTES, ApiKey, StoredKey, parse_key
from ml_training.domain.audit import AuditAction
from ml_training.domain.caller import DEFAULT_PROJECT_ID, Caller, Role
from ml_training.domain.errors import Conflict, FieldError, Invalid, NotFound
from ml_training.secret_files import read_secret
from ml_training.services.audit import audited_change

DEFAULT_PROJECT = "default"
BOOTSTRAP_NAME = "bootstrap"
HOW_TO_MAKE = "umask 077; printf 'mlt_%s_%s' $(openssl rand -hex 6) $(openssl rand -hex 32)"


class BootstrapError(Exception):
    """The file with the first key cannot be used; the message says why and how to make one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey(StoredKey):
    """A key that was just made; `key` is the whole of it, which nobody can read again."""

    key: str = field(repr=False)


def create_key(
    database: Database,
    caller: Caller,
    *,
    name: str,
    role: Role,
    project: str = DEFAULT_PROJECT,
    expires_at: float | None = None,
    token_hex: Callable[[int], str] = secrets.token_hex,
) -> NewKey:
    """Store a new key. expires_at: Unix seconds. Raises Invalid with everything that is wrong, or Unavailable.

    The first key closes the service: every process asks for keys about a second later.
    """
    key = ApiKey(token_hex(ID_BYTES), token_hex(SECRET_BYTES))
    with audited_change(database, caller, AuditAction.KEY_CREATE, key.key_id) as change:
        project_id = _find_project(change.connection, project)
        errors = _errors(name, project, project_id, expires_at, now=read_clock(change.connection))
        if errors or project_id is None:
            raise Invalid("the key cannot be made", errors=tuple(errors))
        stored = keys.insert_key(
            change.connection,
            key_id=key.key_id,
            secret_sha256=key.digest,
            role=role,
            project_id=project_id,
            name=name,
            expires_at=expires_at,
        )
    return NewKey(**asdict(stored), key=key.text)


def revoke_key(database: Database, caller: Caller, key_id: str) -> None:
    """Revoke for good: no process accepts the key from about a second later on; raises NotFound, Conflict (before)."""
    with audited_change(database, caller, AuditAction.KEY_REVOKE, key_id) as change:
        if not keys.revoke_key(change.connection, key_id):
            if keys.get_key(change.connection, key_id) is None:
                raise NotFound(f"there is no key {key_id}")
            raise Conflict(f"key {key_id} was revoked before")


def has_keys(database: Database) -> bool:
    """Whether there has ever been a key: then the service is closed for good."""
    with database.read() as connection:
        return keys.read_changes(connection)[0] > 0


def store_bootstrap_key(database: Database, caller: Caller, path: Path) -> bool:
    """Store the key of a file as an admin unless it is stored; whether it was not. Raises BootstrapError, Unavailable.

    A key that was revoked stays revoked.
    """
    key = _read_bootstrap_key(path)
    with audited_change(database, caller, AuditAction.KEY_CREATE) as change:
        stored, is_new = keys.insert_key_once(
            change.connection,
            key_id=key.key_id,
            secret_sha256=key.digest,
            role=Role.ADMIN,
            project_id=DEFAULT_PROJECT_ID,
            name=BOOTSTRAP_NAME,
            expires_at=None,
        )
        if is_new:
            change.subject_ids.append(key.key_id)
    if stored.secret_sha256 != key.digest:
        raise BootstrapError(f"the key in {path} has the id of another key: make a new one: {HOW_TO_MAKE}")
    return is_new


def _find_project(connection: Connection, name: str) -> int | None:
    found = projects.find_project(connection, name)
    return None if found is None else found.id


def _read_bootstrap_key(path: Path) -> ApiKey:
    try:
        text = read_secret(path)
    except OSError as error:
        raise BootstrapError(f"the file of the bootstrap key cannot be read ({error}): correct its name") from error
    except ValueError as error:
        raise BootstrapError(f"{path} {error}") from error
    key = parse_key(text)
    if key is None:
        raise BootstrapError(f"{path} holds no key of the form {FORM}: make one: {HOW_TO_MAKE} > {path}")
    return key


def _errors(
    name: str, project: str, project_id: int | None, expires_at: float | None, *, now: float
) -> list[FieldError]:
    errors = []
    if not (1 <= len(name) <= NAME_CHARACTERS and name.isprintable() and name == name.strip()):
        errors.append(FieldError("/name", f"must be 1 to {NAME_CHARACTERS} printable characters"))
    if project_id is None:
        errors.append(
            FieldError(
                "/project",
                f"there is no project {project!r}: make it with POST /projects, or see GET /projects",
            )
        )
    if expires_at is not None and expires_at <= now:
        errors.append(FieldError("/expires_at", "must be in the future"))
    return errors
