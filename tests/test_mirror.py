"""The tests lie as the package does: ``tests/<folder>/test_<module>.py``."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "cnnviz"
BESIDE = {"browser", "builders", "pages"}  # folders of tests that have no counterpart
FILES = [
    path
    for path in sorted(TESTS.rglob("test_*.py"))
    if path.parent != TESTS and path.parent.name not in BESIDE
]
FOLDERS = [
    folder
    for folder in sorted(PACKAGE.rglob("*"))
    if folder.is_dir() and "ui" not in folder.parts and list(folder.glob("[a-z]*.py"))
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_a_test_file_lies_where_its_module_does(path: Path) -> None:
    folder = PACKAGE / path.parent.relative_to(TESTS)
    assert folder.is_dir()
    subject = path.stem.removeprefix("test_")
    modules = {module.stem for module in folder.glob("*.py")} | {
        package.name for package in folder.iterdir() if package.is_dir()
    }
    assert any(subject == name or subject.startswith(f"{name}_") for name in modules)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(PACKAGE)))
def test_every_folder_of_the_package_has_tests(folder: Path) -> None:
    tests = TESTS / folder.relative_to(PACKAGE)
    assert list(tests.glob("test_*.py")) or tests.with_name(f"test_{tests.name}.py").is_file()
