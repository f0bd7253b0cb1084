"""Public functions say what they take, what they return and what they raise."""

import importlib
import inspect

import pytest
from numpydoc.validate import validate

RULES = {
    "PR01": "a parameter is not documented",
    "PR02": "a documented parameter does not exist",
    "PR03": "parameters stand in another order",
    "RT01": "what is returned is not documented",
    "SS03": "the first line is no sentence",
}
PACKAGES = ("cnnviz", "cnnviz.convolution", "cnnviz.filter_banks", "cnnviz.datasets")


def public_functions() -> list[str]:
    found = {
        f"{function.__module__}.{function.__qualname__}"
        for package in map(importlib.import_module, PACKAGES)
        for function in (getattr(package, name) for name in package.__all__)
        if inspect.isfunction(function)
    }
    return sorted(found)


@pytest.mark.parametrize("name", public_functions())
def test_a_public_function_is_documented(name: str) -> None:
    broken = [f"{code}: {said}" for code, said in validate(name)["errors"] if code in RULES]
    assert broken == []


def test_what_is_missing_is_noticed() -> None:
    errors = [code for code, _ in validate("tests.test_docstrings.public_functions")["errors"]]
    assert "GL08" in errors
