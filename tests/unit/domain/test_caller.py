"""The order of the roles."""

from itertools import pairwise

from ml_training.domain.caller import Role


def test_each_role_includes_the_roles_before_it_and_none_after() -> None:
    assert [role.value for role in Role] == ["viewer", "submitter", "operator", "admin"]
    for lower, higher in pairwise(Role):
        assert higher.includes(lower)
        assert not lower.includes(higher)
        assert lower.includes(lower)
