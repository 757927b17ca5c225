"""One answer names every reason, in the order of the checks."""

import pytest

from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.problems import Problems, refusal


def test_every_reason_is_raised_at_once_and_in_order() -> None:
    problems = Problems()
    problems.raise_if_any("nothing is wrong yet")
    problems.add("/b", "first")
    with problems.gather():
        raise refusal("/a", "second")
    problems.add("/b", "third")
    assert problems.pointers == ["/b", "/a", "/b"]
    assert len(problems) == 3
    with pytest.raises(Invalid, match="the request is wrong") as caught:
        problems.raise_if_any("the request is wrong")
    assert caught.value.errors == (FieldError("/b", "first"), FieldError("/a", "second"), FieldError("/b", "third"))


def test_a_defect_is_not_a_reason() -> None:
    problems = Problems()
    with pytest.raises(KeyError), problems.gather():
        raise KeyError("a defect")
    assert not problems.pointers
