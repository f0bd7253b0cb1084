"""The README and the docstrings are true: commands exist, examples run, nothing is unexplained."""

import doctest
import importlib
import inspect
import pkgutil
import re
import tomllib

import pytest

import cnnviz
from cnnviz import paths
from cnnviz.zoo import trained
from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(cnnviz.__path__, "cnnviz.")
    if not module.name.endswith("__main__")
)


def commands() -> list[str]:
    return re.findall(r"^(python3 -m venv .*)$", README, flags=re.MULTILINE)


def test_the_readme_has_two_commands_that_do_all_their_setting_up() -> None:
    run, test = commands()
    for command in (run, test):
        assert command.startswith("python3 -m venv .venv && ")
        for name in re.findall(r"-r (\S+)", command):
            assert (REPOSITORY / name).is_file()
    assert run.endswith(".venv/bin/cnnviz app")
    assert test.endswith(".venv/bin/python -m pytest")
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"cnnviz": "cnnviz.cli:main"}


def test_the_continuous_run_calls_the_readmes_test_command() -> None:
    script = (REPOSITORY / ".ci" / "run").read_text()
    pattern = re.search(r"grep -oE '(.+)' README\.md", script)
    assert pattern
    assert re.findall(pattern[1], README, flags=re.MULTILINE) == [commands()[1]]


def test_the_readmes_python_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(example.strip().splitlines()) <= 8
    exec(compile(example, "README.md", "exec"), {})


def test_the_files_that_the_readme_links_to_exist() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)]+)\)", README):
        assert (REPOSITORY / target).exists(), target


def test_every_version_is_pinned() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (REPOSITORY / name).read_text().splitlines():
            requirement = line.split("#")[0].split(";")[0].strip()
            assert not requirement or re.fullmatch(r"[\w.-]+==[\w.]+", requirement), line


@pytest.mark.parametrize("card", cnnviz.list_models(), ids=lambda card: card.name)
def test_the_readme_names_every_network_with_its_size(card: cnnviz.ModelCard) -> None:
    millions = card.num_parameters / 1e6
    size = f"{millions:.1f} M" if millions > 0.05 else f"{millions:.2f} M"
    (row,) = re.findall(
        rf"^\| `{re.escape(card.name)}` \| {re.escape(size)} .*$", README, flags=re.MULTILINE
    )
    assert card.license in row


@pytest.mark.parametrize("card", trained.trained_cards(paths.MODELS), ids=lambda c: c.name)
def test_the_readme_tells_what_the_cards_measured(card: cnnviz.ModelCard) -> None:
    record = trained.training_record(card.name)
    facts = record.facts
    seconds = facts["training_seconds"]
    share = f"{record.accuracy:.1%} of {facts['num_test_images']:,}"
    assert f"| {share} | {seconds // 60} min {seconds % 60} s |" in README


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", cnnviz.__all__)
def test_every_public_name_is_explained(name: str) -> None:
    value = getattr(cnnviz, name)
    assert inspect.getdoc(value)
    if inspect.isfunction(value) and inspect.signature(value).parameters:
        assert "Parameters\n" in (value.__doc__ or "")
        assert "Returns\n" in (value.__doc__ or "") or "Raises\n" in (value.__doc__ or "")
