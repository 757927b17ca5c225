"""Splits are disjoint, complete, stratified and reproducible, whatever the labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_training.selection.split import held_out_counts, holdout

counts_of_classes = st.lists(st.integers(1, 60), min_size=2, max_size=8)
shares = st.floats(0.01, 0.9)
seeds = st.integers(0, 2**31 - 1)


def labels_of(counts: list[int], *, seed: int) -> np.ndarray:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    return np.random.default_rng(seed).permutation(labels)


@settings(max_examples=60)
@given(counts=counts_of_classes, share=shares, seed=seeds)
def test_a_stratified_split_keeps_its_promises(counts: list[int], share: float, seed: int) -> None:
    y = labels_of(counts, seed=seed)
    train, held = holdout(y, share=share, stratified=True, seed=seed)
    assert sorted([*train, *held]) == list(range(len(y)))
    assert train.tolist() == sorted(train)
    assert held.tolist() == sorted(held)
    assert train.dtype == held.dtype == np.int64
    kept, taken = np.bincount(y[train], minlength=len(counts)), np.bincount(y[held], minlength=len(counts))
    assert (kept >= 1).all()
    room = sum(counts) - len(counts)
    assert len(held) == min(max(1, int(len(y) * share + 0.5)), room)
    if room and all(count > 1 / (1 - share) + 1 for count in counts) and len(y) * share >= 1:
        assert (np.abs(taken - np.array(counts) * share) <= 1).all()


@settings(max_examples=40)
@given(rows=st.integers(2, 300), share=shares, seed=seeds)
def test_a_plain_split_keeps_its_promises(rows: int, share: float, seed: int) -> None:
    train, held = holdout(np.zeros(rows), share=share, stratified=False, seed=seed)
    assert sorted([*train, *held]) == list(range(rows))
    assert len(held) == min(max(1, int(rows * share + 0.5)), rows - 1)


@pytest.mark.parametrize("stratified", [True, False])
def test_the_seed_decides_and_nothing_else(stratified: bool) -> None:
    y = labels_of([50, 30, 20], seed=1)
    first, again, other = (holdout(y, share=0.2, stratified=stratified, seed=seed)[1].tolist() for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_each_row_of_a_class_is_as_likely_to_be_held_out() -> None:
    y = labels_of([30, 10], seed=1)
    times = np.zeros(len(y))
    for seed in range(600):
        times[holdout(y, share=0.2, stratified=True, seed=seed)[1]] += 1
    assert times.sum() == 600 * 8
    assert times.min() > 80
    assert times.max() < 165


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ([80, 20], 0.2, [16, 4]),
        ([1, 99], 0.2, [0, 20]),
        ([1, 1], 0.5, [0, 0]),
        ([2, 1], 0.01, [1, 0]),
        ([5, 5, 5], 0.1, [1, 1, 0]),
        ([3, 3], 0.9, [2, 2]),
        ([98, 2], 0.5, [49, 1]),
        ([0, 10], 0.2, [0, 2]),
    ],
)
def test_rows_are_shared_out_by_largest_remainder(counts: list[int], share: float, expected: list[int]) -> None:
    assert held_out_counts(np.array(counts), share=share).tolist() == expected


def test_the_split_of_today_is_the_split_of_tomorrow() -> None:
    """A stored model names its seed only: another algorithm would move held-out rows into training."""
    y = np.arange(40) % 3 // 2
    assert holdout(y, share=0.2, stratified=True, seed=42)[1].tolist() == [3, 5, 16, 24, 27, 29, 38, 39]
    assert holdout(y, share=0.2, stratified=False, seed=42)[1].tolist() == [2, 3, 15, 16, 22, 26, 27, 32]
