"""Who may stop or delete a thing: the key that made it, and every operator."""

from ml_training.domain.caller import Caller, Role
from ml_training.domain.errors import Forbidden


def require_owner(caller: Caller, created_by: str | None, what: str) -> None:
    """Raise Forbidden unless the caller made the thing or is an operator. created_by: the id of the key that made it.

    What was made while the service was open has no owner.
    """
    if caller.role.includes(Role.OPERATOR) or (created_by is not None and created_by == caller.key_id):
        return
    raise Forbidden(f"another key made {what}: this needs the role {Role.OPERATOR.value}")


def require_role(caller: Caller, needed: Role, what: str) -> None:
    """Raise Forbidden unless the caller's role includes `needed`; what: such as "to change aliases"."""
    if not caller.role.includes(needed):
        raise Forbidden(f"this key has the role {caller.role.value}: {what} needs the role {needed.value}")
