"""The colors of the app can be seen on both backgrounds, and stand in one place."""

import re
import tomllib

import pytest

from cnnviz.figures import palette
from tests.conftest import REPOSITORY

THEME = tomllib.loads((REPOSITORY / ".streamlit" / "config.toml").read_text())["theme"]
BACKGROUNDS = [THEME[twin]["backgroundColor"] for twin in ("light", "dark")]
LINES = ("BLUE", "TEAL", "GREEN", "ORANGE", "AMBER", "RED", "PURPLE", "GRAY")


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    shares = [value / 255 for value in palette.rgb(color)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(color: str, other: str) -> float:
    low, high = sorted((luminance(color), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_guideline() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("name", LINES)
def test_graphics_have_three_to_one_on_both_backgrounds(name: str, background: str) -> None:
    assert contrast(getattr(palette, name), background) >= 3


def test_text_on_colors_has_four_and_a_half_to_one() -> None:
    assert contrast(palette.TRAINED, palette.WHITE) >= 4.5
    assert contrast(palette.FROZEN, palette.INK) >= 4.5


def test_no_color_is_written_elsewhere() -> None:
    written = [
        path.relative_to(REPOSITORY)
        for path in sorted((REPOSITORY / "cnnviz").rglob("*.py"))
        if path.name != "palette.py" and re.search(r"\"#[0-9a-f]{6}\"", path.read_text())
    ]
    assert written == []
