"""Any value in the address: a working page, and a sentence where the value cannot be shown."""

from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.ui.pages import PAGES, Page, View

HOSTILE = (
    *("inf", "-inf", "1e400", "nan", "1e308", "-1", "1.5", "99999999999999999999999", "\uff11"),
    *("", "\x00", "x" * 3000, "[]", "true", "null", "../../etc/passwd", "1,2;3,inf"),
)
SHARED = ("network", "image", "layer", "channel", "method", "target", "show", "present", "kernel")
VIEWS = [(page, view) for page in PAGES for view in page.views]


def opened(page: Page, view: View, **parameters: str) -> AppTest:
    app = AppTest.from_file(f"../../pages/{page.name}.py", default_timeout=120)
    for name, value in (parameters | {"view": view.slug}).items():
        app.query_params[name] = value
    return app.run()


def keys_of(block: Any) -> Iterator[str]:
    """Return the keys of all controls: their parameters in the address."""
    for child in getattr(block, "children", {}).values():
        if getattr(child, "key", None) and getattr(child, "type", "") != "file_uploader":
            yield child.key
        yield from keys_of(child)


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("shown", "view"), VIEWS, ids=[f"{page.name}-{view.slug}" for page, view in VIEWS]
)
def test_no_value_of_any_parameter_breaks_a_view(shown: Page, view: View) -> None:
    parameters = {*keys_of(opened(shown, view)._tree), *SHARED} - {"view", f"{shown.name}_view"}
    for value in HOSTILE:
        app = opened(shown, view, **dict.fromkeys(parameters, value))
        assert not app.exception, (value, app.exception[0].message)


@pytest.mark.parametrize("value", ["inf", "-inf", "1e400", "nan"])
def test_a_number_that_is_not_finite_is_named_and_the_default_is_shown(value: str) -> None:
    (page,) = (page for page in PAGES if page.name == "feature_maps")
    app = opened(page, page.views[0], channel=value)
    assert not app.exception
    assert [warning.value for warning in app.warning] == [
        f"The address sets channel to “{value}”, which is not a finite number."
    ]
    assert app.number_input(key="channel").value == 0
