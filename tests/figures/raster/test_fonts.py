"""Text inside images has the glyphs that its words need."""

import numpy as np
import pytest

from cnnviz import figures
from cnnviz.figures.raster import fonts


@pytest.mark.parametrize("character", list("−×·⁻⁷²θσ∂Σ√≤±°–…“”éäñłŽ"))
def test_a_letter_is_not_the_box_of_a_missing_one(character: str) -> None:
    font = fonts.font(24)
    assert bytes(font.getmask(character)) != bytes(font.getmask("\uffff"))


@pytest.mark.parametrize("text", ["5", "−0.2345", "a long line of text"])
def test_a_fitting_font_fits(text: str) -> None:
    assert fonts.fitting_font(text, 30, 60).getlength(text) <= 60 + 1e-6


def test_a_negative_number_differs_from_a_positive_one_by_its_sign_alone() -> None:
    scale = figures.Scale(-9, 9, "gray")
    negative, positive = (
        figures.number_grid(np.array([[value]]), scale, cell_px=60) for value in (-0.01, 0.01)
    )
    sign = (negative != positive).any(axis=2)
    assert sign.any()
