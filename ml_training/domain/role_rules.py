"""Which role a person has who signs in: by what the identity provider says of them, such as their groups."""

import re
from dataclasses import dataclass

from ml_training.domain.caller import Role

EVERYBODY = "*"
DEFAULT_PROJECT = "default"
FORM = "must be VALUE=ROLE or VALUE=ROLE@PROJECT, several with semicolons, such as ml-admins=admin;ml-team=submitter"

_OTHER_RULE = re.compile(rf"=\s*({'|'.join(Role)})\s*(@[^,]*)?,")  # rules with commas between them: one value otherwise


@dataclass(frozen=True, slots=True)
class RoleRule:
    """Who has `value` in the claim gets this role in this project; EVERYBODY: whoever can sign in."""

    value: str
    role: Role
    project: str


def role_rules(text: str) -> tuple[RoleRule, ...]:
    """The rules in their order; raises ValueError with the remedy. A value may hold `=` and `,`, as LDAP's names do."""
    return tuple(_rule(part.strip()) for part in text.split(";") if part.strip())


def rule_for(claim: object, rules: tuple[RoleRule, ...]) -> RoleRule | None:
    """The first rule that fits a claim, a text or a list of texts; None: this person may not use the service."""
    items = [claim] if isinstance(claim, str) else claim if isinstance(claim, list) else []
    values = {item for item in items if isinstance(item, str)}
    return next((rule for rule in rules if rule.value == EVERYBODY or rule.value in values), None)


def _rule(text: str) -> RoleRule:
    value, equals, target = text.rpartition("=")
    role, at, project = target.strip().partition("@")
    if not (value.strip() and equals and (project.strip() or not at)) or _OTHER_RULE.search(value):
        raise ValueError(FORM)
    if role not in list(Role):
        raise ValueError(f"{role!r} is no role: take one of {', '.join(Role)}")
    return RoleRule(value.strip(), Role(role), project.strip() or DEFAULT_PROJECT)
