"""How far weights moved, against vectors small enough to reckon with by hand."""

import math

import numpy as np
import pytest

from cnnviz.errors import InvalidParameterError
from cnnviz.training.weight_drift import layer_drift


def test_a_right_angle_and_a_doubling_are_what_they_are() -> None:
    before = {"turned": [np.array([3.0, 0.0])], "doubled": [np.ones((2, 2)), np.array([1.0])]}
    after = {"doubled": [2 * np.ones((2, 2)), np.array([2.0])], "turned": [np.array([0.0, 3.0])]}
    doubled, turned = layer_drift(before, after)
    assert [doubled.name, turned.name] == ["doubled", "turned"]  # the order of `after`
    assert doubled.relative_change == pytest.approx(1)
    assert doubled.cosine == pytest.approx(1)
    assert doubled.num_weights == 5
    assert turned.relative_change == pytest.approx(math.sqrt(2))
    assert turned.cosine == pytest.approx(0)
    assert turned.angle_degrees == pytest.approx(90)


def test_what_did_not_move_is_exactly_zero() -> None:
    weights = {"conv": [np.random.default_rng(0).normal(size=(3, 3, 4, 8)).astype(np.float32)]}
    (drift,) = layer_drift(weights, {"conv": [weights["conv"][0].copy()]})
    assert (drift.relative_change, drift.cosine) == (0.0, 1.0)
    assert not drift.has_moved


def test_zero_has_no_direction() -> None:
    zero, one = [np.zeros(3)], [np.ones(3)]
    began, stayed = layer_drift({"a": zero, "b": zero}, {"a": one, "b": zero})
    assert math.isinf(began.relative_change)
    assert math.isnan(began.cosine)
    assert stayed.relative_change == 0
    assert not stayed.has_moved


def test_only_what_both_have_is_compared_and_layers_without_weights_are_not() -> None:
    both = [np.ones(2)]
    drifts = layer_drift({"a": both, "pool": [], "old": both}, {"a": both, "pool": [], "new": both})
    assert [drift.name for drift in drifts] == ["a"]


def test_two_networks_with_nothing_in_common_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="no layer in common: a before, b after"):
        layer_drift({"a": [np.ones(2)]}, {"b": [np.ones(2)]})


def test_other_shapes_are_refused_with_the_layers_name() -> None:
    with pytest.raises(InvalidParameterError, match=r"'a' has the shapes \[\(2,\)\] before and"):
        layer_drift({"a": [np.ones(2)]}, {"a": [np.ones(3)]})
