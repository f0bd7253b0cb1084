"""The menu of every view: images, numbers, and Python that runs."""

import io
import zipfile
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cnnviz import figures
from cnnviz.ui.pages import PAGES
from cnnviz.ui.shell import results
from tests.conftest import slow_unless
from tests.pages.test_pages import finished, open_page

VIEWS = [(page.name, view.slug) for page in PAGES for view in page.views]
QUICK = [
    *(("convolution", "step-by-step"), ("gabor", "one-filter"), ("gabor", "filter-bank")),
    *(("feature_maps", "all-maps"), ("feature_maps", "trace"), ("feature_maps", "ablation")),
    *(("class_activation", "heat-map"), ("models", "layers"), ("models", "calculator")),
]
WITH_CODE = {
    *QUICK,
    *(("convolution", "one-position"), ("convolution", "sliding-kernel")),
    *(("gabor", "frequency-domain"), ("gabor", "learned-kernels"), ("feature_maps", "one-filter")),
    *(("filters", "one-filter"), ("class_activation", "decomposition")),
    *(("class_activation", "faithfulness"), ("class_activation", "robustness")),
}
WITHOUT_MENU = {  # nothing is computed until somebody begins
    *(("train", "train"), ("transfer", "own-classes"), ("models", "own-network")),
    *(("transfer", "trained-parts"), ("feature_maps", "embedding")),
}


@pytest.mark.parametrize(("page", "view"), slow_unless(QUICK, VIEWS))
def test_the_menu_offers_files_and_python_that_runs(page: str, view: str) -> None:
    app = finished(open_page(f"pages/{page}.py", view=view, network="svhn-gabor"))
    assert not app.exception
    labels = [button.proto.label for button in app.get("download_button")]
    if (page, view) not in WITHOUT_MENU and (page, view) != ("models", "calculator"):
        assert labels, "a view without downloads"
    programs = [block.value for block in app.code if "import cnnviz" in block.value]
    assert bool(programs) == ((page, view) in WITH_CODE)
    for program in programs:
        exec(compile(program, f"{page}/{view}", "exec"), {})


def a_view() -> None:
    import numpy as np
    import streamlit as st

    from cnnviz.figures import Scale
    from cnnviz.ui.shell import display, results

    results.begin()
    display.show_map(np.eye(4), Scale(0, 1, "gray"), "A map", "Identity matrix")
    display.show_image(np.zeros((5, 6, 3), np.uint8), "An image", "Black")
    results.note_code("import cnnviz\n")
    results.offer("test-view", st.container())


def test_all_that_was_drawn_is_in_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, tuple[str, bytes]] = {}

    def keep(label: str, make: Any, file_name: str, **_: Any) -> None:
        made[label] = (file_name, make())

    monkeypatch.setattr(st, "download_button", keep)
    app = AppTest.from_function(a_view).run()
    assert not app.exception
    assert [block.value for block in app.code] == ["import cnnviz"]
    name, content = made["All images (ZIP, 2 PNG)"]
    assert name == "test-view-images.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["1-identity-matrix.png", "2-black.png"]
        assert len(archive.read("1-identity-matrix.png")) > 100
    name, content = made["Numbers (NPY)"]
    assert name == "test-view-1-identity-matrix.npy"
    np.testing.assert_array_equal(np.load(io.BytesIO(content)), np.eye(4))


def test_nothing_is_noted_outside_a_view() -> None:
    results.end()
    results.note_image("a", np.zeros((2, 2), np.uint8))
    assert not results.note_file("a", "b", bytes)
    assert results._noted() is None


def test_a_chart_is_written_point_by_point() -> None:
    figure = go.Figure(
        [go.Scatter(x=[1, 2], y=[3.5, 4], name="first"), go.Bar(y=[7, 8])],
    )
    assert figures.chart_csv(figure).decode().splitlines() == [
        "series,x,y",
        "first,1,3.5",
        "first,2,4",
        "series 2,0,7",
        "series 2,1,8",
    ]
    polar = go.Figure(go.Scatterpolar(theta=[0, 90], r=[1, 2], name="p"))
    assert figures.chart_csv(polar).decode().splitlines()[1:] == ["p,0,1", "p,90,2"]
    table = go.Figure(go.Heatmap(z=[[1, 2], [3, 4]], name="t"))
    assert figures.chart_csv(table).decode().splitlines() == [
        "series,x,y,value",
        *("t,0,0,1", "t,1,0,2", "t,0,1,3", "t,1,1,4"),
    ]
