"""Results that are kept, at once and in the background."""

from functools import partial

import numpy as np
import pytest
import streamlit as st

from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.ui.shell import jobs
from cnnviz.ui.shell.cache import in_background, remembered

calls: list[object] = []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


def image(gray: int) -> ImageInput:
    return image_from_pixels(np.full((8, 8, 3), gray, np.uint8))


@remembered(4)
def mean(picked: ImageInput) -> float:
    calls.append(picked)
    return float(picked.pixels.mean())


def test_equal_images_are_computed_once() -> None:
    assert [mean(image(7)), mean(image(7)), mean(image(9))] == [7, 7, 9]
    assert len(calls) == 2


@remembered(4, is_shared=True)
def shared_list(length: int) -> list[int]:
    return [0] * length


@remembered(4)
def own_list(length: int) -> list[int]:
    return [0] * length


def test_a_shared_result_is_the_same_object_and_any_other_a_copy() -> None:
    assert shared_list(3) is shared_list(3)
    assert own_list(3) is not own_list(3)
    assert own_list(3) == own_list(3)


@in_background("Averaging times {factor}")
def slow_mean(report: jobs.Report, picked: ImageInput, factor: int, show: object = None) -> int:
    calls.append(factor)
    report(0, 1)
    return factor * int(picked.pixels.mean())


def test_equal_calls_are_one_job_and_what_draws_does_not_count() -> None:
    assert slow_mean(image(3), 1) == 3
    assert slow_mean(image(3), 1, show=partial(st.write)) == 3
    assert calls == [1]
    assert slow_mean(image(3), 2) == 6
    assert slow_mean(image(4), factor=2) == 8
    assert calls == [1, 2, 2]


def test_a_function_keeps_its_name_and_docstring() -> None:
    assert slow_mean.__name__ == "slow_mean"
    assert mean.__name__ == "mean"
