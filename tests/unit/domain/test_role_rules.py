"""Who gets which role: the first rule that fits what the provider says of a person, and nobody else."""

import pytest

from ml_training.domain.caller import Role
from ml_training.domain.role_rules import RoleRule, role_rules, rule_for

LDAP = "CN=ML,OU=Groups,DC=example=admin"


def test_rules_are_read_in_their_order() -> None:
    assert role_rules(f" {LDAP} ; team = submitter@churn;*=viewer;") == (
        RoleRule("CN=ML,OU=Groups,DC=example", Role.ADMIN, "default"),
        RoleRule("team", Role.SUBMITTER, "churn"),
        RoleRule("*", Role.VIEWER, "default"),
    )


@pytest.mark.parametrize(
    "text", ["team", "=admin", "team=", "team=root", "team=Admin", "team=admin@", "a=admin,b=viewer"]
)
def test_a_rule_that_cannot_be_read_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be VALUE=ROLE|is no role: take one of viewer"):
        role_rules(text)


@pytest.mark.parametrize(
    ("claim", "role"),
    [
        ("team", Role.SUBMITTER),
        (["x", "team", "boss"], Role.ADMIN),
        ([], None),
        (None, None),
        ("tea", None),
        ("team,boss", None),
        ({"team": True}, None),
        ([["team"], 7, None], None),
        (True, None),
    ],
)
def test_the_first_rule_that_fits_counts(claim: object, role: Role | None) -> None:
    found = rule_for(claim, role_rules("boss=admin;team=submitter"))
    assert (found and found.role) == role


def test_a_star_is_everybody_and_a_claim_cannot_be_a_star() -> None:
    assert rule_for(None, role_rules("boss=admin;*=viewer")) == RoleRule("*", Role.VIEWER, "default")
    assert rule_for("*", role_rules("boss=admin")) is None
