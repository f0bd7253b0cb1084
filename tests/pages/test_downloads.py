"""Every file that a view offers can be made: what is made on a click is made here."""

from typing import Any

import pytest
import streamlit as st

from cnnviz.ui.pages import PAGES
from tests.conftest import slow_unless
from tests.pages.test_pages import finished, open_page

VIEWS = [(page.name, view.slug) for page in PAGES for view in page.views]
QUICK = [  # those whose files are put together in the page
    *(("class_activation", view) for view in ("heat-map", "compare")),
    *(("timeline", "timeline"), ("augmentation", "random-draws"), ("convolution", "step-by-step")),
    ("feature_maps", "all-maps"),
    ("filters", "one-filter"),
]


@pytest.mark.parametrize(("page", "view"), slow_unless(QUICK, VIEWS))
@pytest.mark.sample(3)
def test_every_offered_file_can_be_made(
    monkeypatch: pytest.MonkeyPatch, page: str, view: str
) -> None:
    draw = st.download_button
    sizes: dict[str, int] = {}

    def draw_and_make(label: str, data: Any, *args: Any, **kwargs: Any) -> bool:
        sizes[label] = len(data() if callable(data) else data)
        return draw(label, data, *args, **kwargs)

    monkeypatch.setattr(st, "download_button", draw_and_make)
    app = finished(open_page(f"pages/{page}.py", view=view, network="svhn-gabor"))
    assert not app.exception
    assert not app.error
    assert all(sizes.values()), sizes
    assert sizes or (page, view) not in QUICK
