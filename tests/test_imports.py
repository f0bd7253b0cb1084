"""Importing the package stays light, and caches lie where one looks for them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "cnnviz"
FILES = sorted(PACKAGE.rglob("*.py"))


def test_caches_of_pages_lie_in_modules_named_so() -> None:
    pages = [PACKAGE.parent / "app.py", *(PACKAGE.parent / "pages").glob("*.py")]
    caching = [
        path
        for path in [*FILES, *pages]
        if re.search("^@(remembered|in_background|st.cache)", path.read_text(), re.M)
    ]
    ui = PACKAGE / "ui"
    assert {path.parent for path in caching if path.parent != ui / "shared"} <= {
        folder for folder in ui.iterdir() if folder.is_dir()
    }
    assert all(path.parent == ui / "shared" or path.stem.startswith("cached") for path in caching)


def test_importing_the_package_loads_neither_streamlit_nor_tensorflow() -> None:
    code = (
        "import cnnviz, sys; print({'streamlit', 'tensorflow', 'keras', 'cv2'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"


def test_the_pages_frame_needs_no_tensorflow() -> None:
    code = "import cnnviz.ui.router, sys;print('tensorflow' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "False"


def test_every_public_name_can_be_imported() -> None:
    import cnnviz

    for name in cnnviz.__all__:
        assert getattr(cnnviz, name) is not None


def test_the_old_name_of_feature_visualization_leads_there_with_a_warning() -> None:
    from cnnviz import ascent, feature_visualization

    with pytest.warns(DeprecationWarning, match=r"cnnviz\.feature_visualization\.visualize"):
        assert ascent.visualize is feature_visualization.visualize
