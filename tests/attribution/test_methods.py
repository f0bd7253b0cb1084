"""What methods declare to cost, against the images that really go through a network."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from cnnviz.attribution import gradients
from cnnviz.attribution.comparison import compare_methods
from cnnviz.attribution.evaluation.weight_randomization import randomized_maps
from cnnviz.attribution.methods import attribution_map
from cnnviz.attribution.observation import OBSERVATION, Observation, observe
from cnnviz.attribution.registry import METHODS, explain
from cnnviz.attribution.targets import one_class
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput
from cnnviz.network import IMAGE, cost
from cnnviz.network.cost import BACKWARD, SLOW_COST, batch_size, is_slow, part_of
from cnnviz.network.inspected_model import LoadedModel
from cnnviz.network.layer_table import pass_cost

Tiny = Callable[[str], LoadedModel]
LAYER = "conv"
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "score-cam": [{}, {"channels": 1}, {"channels": 3}, {"channels": 4096}],
    "ablation-cam": [{}, {"signed": True}],
    "smoothgrad": [{}, {"samples": 2}, {"samples": 17}],
    "integrated-gradients": [{}, {"steps": 4}, {"steps": 256}],
    "occlusion": [{}, {"patch_percent": 25.0, "step_percent": 100.0}, {"patch_percent": 60.0}],
    "rise": [{}, {"masks": 20}, {"masks": 100, "grid": 3}],
}
ASKED = [(name, settings) for name in METHODS for settings in SETTINGS.get(name, [{}])]
SLOW = [*SETTINGS]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The images of each batch that goes through a network, weighted if it goes back, too."""
    counted: list[int] = []
    compute = LoadedModel.compute

    def counting(model: LoadedModel, key: Any, make: Any, *args: Any) -> Any:
        outputs = compute(model, key, make, *args)
        num_images = max(int(tensor.shape[0]) for tensor in tf.nest.flatten(outputs))
        goes_back = key[0] in ("gradient", "guided")
        counted.append(num_images * (1 + BACKWARD if goes_back else 1))
        return outputs

    monkeypatch.setattr(LoadedModel, "compute", counting)
    return counted


@pytest.fixture
def observation(tiny: Tiny, image: ImageInput) -> Observation:
    return observe(tiny("functional"), image, one_class(1), (LAYER, IMAGE))


@pytest.mark.parametrize(("name", "settings"), ASKED)
def test_as_many_images_go_through_the_network_as_a_method_declares(
    name: str,
    settings: dict[str, Any],
    observation: Observation,
    passes: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gradients, "_MAX_GAP", -1.0)  # integrated gradients add points to the end
    method = METHODS[name]
    declared = method.num_passes(observation.model, LAYER, method.checked(settings))
    attribution_map(observation, method, LAYER, settings)
    assert sum(passes) == declared
    assert bool(declared) == (name in SLOW or name.startswith("guided"))


def test_integrated_gradients_need_no_more_than_declared(
    observation: Observation, passes: list[int]
) -> None:
    method = METHODS["integrated-gradients"]
    attribution_map(observation, method, LAYER, {"steps": 4})
    assert (
        5 * (1 + BACKWARD)
        <= sum(passes)
        < method.num_passes(observation.model, LAYER, {"steps": 4})
    )


def test_the_common_pass_is_one_image_there_and_back(
    tiny: Tiny, image: ImageInput, passes: list[int]
) -> None:
    explain(tiny("functional"), image, "grad-cam", layer_name=LAYER, target=one_class(1))
    assert passes == [OBSERVATION]


def test_slow_is_what_costs_much_on_this_network(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny("functional")
    just_slow = -(-SLOW_COST // pass_cost(model))
    assert is_slow(model, just_slow)
    assert not is_slow(model, just_slow - 1)
    rise = METHODS["rise"]
    monkeypatch.setattr(cost, "SLOW_COST", (OBSERVATION + 60) * pass_cost(model))
    assert rise.is_slow(model, LAYER, {"masks": 60})
    assert not rise.is_slow(model, LAYER, {"masks": 40})
    assert rise.is_slow(model, LAYER)  # 400 masks by default
    with pytest.raises(InvalidParameterError, match="masks must be from 20 to 4000"):
        rise.is_slow(model, LAYER, {"masks": 1})


@pytest.mark.parametrize("name", SLOW)
def test_a_large_network_takes_few_images_at_once_and_the_map_is_the_same(
    name: str, observation: Observation, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    method = METHODS[name]
    expected = attribution_map(observation, method, LAYER)
    images_at_once = 3
    bound = images_at_once * pass_cost(observation.model, LAYER if name == "ablation-cam" else "")
    monkeypatch.setattr(cost, "SLOW_COST", bound)
    passes.clear()
    reports: list[float] = []
    found = attribution_map(
        observation, method, LAYER, on_progress=lambda done, total: reports.append(done)
    )
    assert max(passes) <= images_at_once
    assert len(reports) >= len(passes) - 1  # a report after each batch but that of the baseline
    np.testing.assert_allclose(found.values, expected.values, atol=1e-4)


def test_at_least_one_image_goes_through_the_largest_network(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny("functional")
    assert (batch_size(model), batch_size(model, most=5)) == (32, 5)
    monkeypatch.setattr(cost, "SLOW_COST", 7 * pass_cost(model))
    assert (batch_size(model), batch_size(model, 1 + BACKWARD)) == (7, 2)
    behind = pass_cost(model, LAYER)
    assert behind < pass_cost(model)
    assert batch_size(model, behind=LAYER) == 7 * pass_cost(model) // behind
    monkeypatch.setattr(cost, "SLOW_COST", 1)
    assert batch_size(model, behind=LAYER) == 1


class StopError(Exception):
    """Somebody pressed stop."""


def stop_at(limit: float) -> Callable[..., None]:
    def report(done: float, total: int, *latest: Any) -> None:
        if done >= limit:
            raise StopError

    return report


@pytest.mark.parametrize("name", SLOW)
def test_a_method_ends_when_its_report_says_so(
    name: str, observation: Observation, passes: list[int]
) -> None:
    attribution_map(observation, METHODS[name], LAYER)
    whole = len(passes)
    passes.clear()
    with pytest.raises(StopError):
        attribution_map(observation, METHODS[name], LAYER, on_progress=stop_at(0))
    assert len(passes) == 1 <= whole


def test_parts_report_as_parts_of_the_whole() -> None:
    reports: list[tuple[float, int]] = []
    report = part_of(lambda done, total: reports.append((done, total)), 2, 5)
    assert report
    report(1, 4)
    report(4, 4)
    assert reports == [(2.25, 5), (3.0, 5)]
    assert part_of(None, 2, 5) is None


def test_a_table_can_be_stopped_within_a_map(
    tiny: Tiny, image: ImageInput, passes: list[int]
) -> None:
    reports: list[float] = []
    places = [(tiny("functional"), LAYER, one_class(0))]
    compare_methods(image, ["rise"], places, on_progress=lambda done, *_: reports.append(done))
    assert reports == sorted(reports)
    assert [done for done in reports if 0 < done < 1]  # within the map
    assert [done for done in reports if 1 < done < 2]  # within its measure
    assert reports[-1] == 2
    passes.clear()
    with pytest.raises(StopError):
        compare_methods(image, ["rise"], places, on_progress=stop_at(0.01))
    assert sum(passes) < OBSERVATION + 400


def test_a_sanity_check_can_be_stopped_within_a_map(
    tiny: Tiny, image: ImageInput, passes: list[int]
) -> None:
    request = (tiny("functional"), image, METHODS["rise"], LAYER, one_class(0))
    reports: list[float] = []
    levels = randomized_maps(
        *request, {"masks": 100}, on_progress=lambda done, *_: reports.append(done)
    )
    assert reports == sorted(reports)
    assert reports[-1] == len(levels) == 3
    assert [done for done in reports if done % 1]
    passes.clear()
    with pytest.raises(StopError):
        randomized_maps(*request, on_progress=stop_at(0.01))
    assert sum(passes) < OBSERVATION + 400
