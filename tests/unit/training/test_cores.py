"""A share of the machine, with and without a limit."""

import pytest

from ml_training.training.cores import FixedCores, LimitedCores


@pytest.mark.parametrize(("granted", "most", "used"), [(4, 2, 2), (1, 8, 1), (3, 3, 3), (0, 3, 1)])
def test_a_limit_lowers_what_is_granted_but_never_below_one(granted: int, most: int, used: int) -> None:
    assert LimitedCores(FixedCores(granted), most=most).granted() == used
