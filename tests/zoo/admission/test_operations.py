"""The list of admitted operations against Keras itself: complete, real, calling nothing back."""

import contextlib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from cnnviz.zoo.admission.operations import CALLING_BACK, OPERATIONS
from tests.builders.operation_cases import CASES, NAMES, Case, X, called, operation, tensors

EXCLUDED = {  # operations of keras.ops that are not admitted, and why
    **dict.fromkeys(CALLING_BACK, "calls a function that is given to it"),
    "Function": "holds a graph of other operations",
    "ElasticTransform": "draws random numbers",
    **dict.fromkeys(("STFT", "ISTFT", "ExtractSequences"), "is for sound"),
    **dict.fromkeys(
        (
            *("Nonzero", "Unique", "Bincount", "ScaleAndTranslate"),
            *("SegmentMax", "SegmentMin", "SegmentProd", "SegmentSum"),
        ),
        "gives a shape that can depend on the values",
    ),
    **dict.fromkeys(("Ndim", "Size"), "gives a number that depends on no value"),
    **dict.fromkeys(
        (
            *("BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"),
            *("CTCLoss", "CTCDecode", "InTopK", "PSNR", "SSIM"),
        ),
        "compares with targets, which a network of images does not have",
    ),
    "SegmentReduction": "is the base of others",
    **dict.fromkeys(
        (
            *("AdaptiveAveragePool", "AdaptiveMaxPool", "Arange", "ConvTranspose", "Histogram"),
            "ViewAsComplex",
        ),
        "cannot be saved and run again by Keras 3.15 itself",
    ),
}
RNG = np.random.default_rng(0)


def keras_operations() -> Iterator[tuple[str, str]]:
    """Give module and name of all operations in keras.ops, and those that activations save."""
    for found in pkgutil.iter_modules(importlib.import_module("keras.src.ops").__path__):
        if not found.name.endswith("_test"):
            importlib.import_module(f"keras.src.ops.{found.name}")
    waiting: list[type] = [keras.Operation]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        is_listed = kind.__module__.startswith(("keras.src.ops.", "keras.src.activations."))
        if is_listed and kind is not keras.Operation and not issubclass(kind, keras.Layer):
            yield kind.__module__, kind.__name__


def test_every_operation_of_keras_is_admitted_or_excluded_for_a_reason() -> None:
    listed = set(NAMES)
    others = {name for module, name in set(keras_operations()) - listed}
    assert listed <= set(keras_operations())
    assert others == set(EXCLUDED)


def test_the_operations_that_call_functions_are_not_admitted() -> None:
    admitted = {name for _, name in NAMES}
    assert not admitted & set(CALLING_BACK)
    for name, function in CALLING_BACK.items():
        assert hasattr(keras.ops, function), name


def test_no_parameter_of_an_admitted_operation_is_named_like_a_function() -> None:
    suspicious = {"f", "fn", "fun", "func", "function", "body", "cond", "branches", "callback"}
    for module, name in NAMES:
        kind = operation(module, name)
        for method in (kind.__init__, kind.call):
            code = getattr(method, "__wrapped__", method).__code__
            names = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
            assert not names & suspicious, name
            assert not any(each.endswith(("_fn", "_fun", "_function")) for each in names), name


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    values = RNG.uniform(0.1, 0.9, (2, 4, 4)), RNG.uniform(0.1, 0.9, (2, 8, 8, 3))
    x, image = (keras.ops.convert_to_tensor(each, "float32") for each in values)
    return tensors(x, image)


def with_trap(case: Case, trap: Callable[..., Any]) -> Iterator[Case]:
    """Give the case once for every argument, with a function in its place."""
    for place in range(len(case.args)):
        yield replace(case, args=(*case.args[:place], trap, *case.args[place + 1 :]))
    for key in case.settings:
        yield replace(case, settings={**case.settings, key: trap})
    for key in case.kwargs:
        yield replace(case, kwargs={**case.kwargs, key: trap})


@pytest.mark.parametrize("module", OPERATIONS)
def test_no_admitted_operation_calls_a_function_that_it_is_given(
    module: str, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def trap(*args: Any, **kwargs: Any) -> Any:
        calls.append("called")
        return args[0] if args else 0

    for name in sorted(OPERATIONS[module]):
        for case in with_trap(CASES.get(name, Case()), trap):
            monkeypatch.setitem(CASES, name, case)
            with contextlib.suppress(Exception):  # a function is no tensor
                called(module, name, given)
            assert not calls, f"{name} called a function"


def test_the_trap_sees_operations_that_call_functions(given: dict[str, Any]) -> None:
    calls: list[str] = []

    def trap(*args: Any) -> Any:
        calls.append("called")
        return args[0]

    core = "keras.src.ops.core"
    operation(core, "Map")()(trap, given["x"])
    operation(core, "VectorizedMap")(trap)(given["x"])
    operation(core, "Cond")()(True, lambda: trap(1), lambda: trap(2))
    assert len(calls) >= 3


def test_each_operation_gives_what_plain_numpy_gives() -> None:
    x = RNG.uniform(0.1, 0.9, (2, 4, 4)).astype("float32")
    image = RNG.uniform(0.1, 0.9, (2, 8, 8, 3)).astype("float32")
    given = tensors(*map(keras.ops.convert_to_tensor, (x, image)))
    expected = {
        "Pad": np.pad(x, ((0, 0), (1, 2), (0, 1)), constant_values=3),
        "Clip": x.clip(0.2, 0.5),
        "GetItem": image[..., 1:-1:2, None, 0],
        "Transpose": x.transpose(0, 2, 1),
        "Tile": np.tile(x, (1, 2, 3)),
        "Concatenate": np.concatenate([x, np.asarray(given["symmetric"])], -1),
        "Reshape": x.reshape(-1, 8, 2),
    }
    for name, values in expected.items():
        result = called("keras.src.ops.numpy", name, given)
        np.testing.assert_allclose(np.asarray(result), values, rtol=1e-6, err_msg=name)
    assert CASES["Pad"].args == (X,)  # the traps of another test are gone
