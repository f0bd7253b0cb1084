"""Images and charts on a page: images are encoded here, maps have their color bars."""

import base64
import html
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.figures import Scale
from cnnviz.images import ImageInput, shrink_to_fit
from cnnviz.network.prediction import Prediction
from cnnviz.ui.shell import results

if TYPE_CHECKING:
    import plotly.graph_objects as go

_THUMBNAIL_PX = 48
CHART: dict[str, Any] = {"displaylogo": False}  # Streamlit drops the buttons that would do nothing


def show_image(pixels: np.ndarray, caption: str, alt: str, *, is_brief: bool = False) -> None:
    """Show an image as wide as its column, small ones with hard pixels; then its caption.

    `is_brief` says that the next one comes within a second: the image then travels in the message
    itself, because the server would have dropped its file before a slow browser asks for it.
    """
    _show(pixels, alt, is_brief)
    st.markdown(f":small[{caption}]")


def show_map(values: np.ndarray, scale: Scale, caption: str, alt: str) -> None:
    """Show an array of numbers with its color bar."""
    results.note_array(alt, values)
    show_painted(figures.colorize(values, scale), scale, caption, alt)


def show_painted(
    pixels: np.ndarray, scale: Scale, caption: str, alt: str, *, is_brief: bool = False
) -> None:
    """Show an image whose colors stand for numbers, its color bar, and its caption.

    `is_brief` as in `show_image`.
    """
    _show(pixels, alt, is_brief)
    show_scale(scale)
    st.markdown(f":small[{caption}]")


def _show(pixels: np.ndarray, alt: str, is_brief: bool = False) -> None:
    if not is_brief:
        results.note_image(alt, pixels)
    large = figures.enlarge(pixels)
    has_hard_pixels = len(large) > len(pixels)  # large squares: lossless is small, too
    content = figures.encode_png(large) if has_hard_pixels else figures.encode_jpeg(large)
    if is_brief:
        kind = "png" if has_hard_pixels else "jpeg"
        address = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
        st.image(address, alt=alt, width="stretch")
    else:
        st.image(content, alt=alt, width="stretch")


def show_scale(scale: Scale) -> None:
    """Draw a color bar with numbers in the text color of the theme."""
    st.html(scale_bar(scale))


def scale_bar(scale: Scale) -> str:
    """Return a color bar with numbers as HTML."""
    stops = figures.color_table(scale.color_map)[:: 255 // 15]
    gradient = ", ".join(f"rgb({r},{g},{b})" for r, g, b in stops)
    numbers = [number(x, 2) for x in (scale.low, (scale.low + scale.high) / 2, scale.high)]
    labels = "".join(f"<span>{text}</span>" for text in numbers)
    return (
        f'<div role="img" aria-label="Colors from {numbers[0]} to {numbers[2]}">'
        f'<div style="height:0.7rem;border-radius:3px;'
        f'background:linear-gradient(90deg,{gradient})"></div>'
        f'<div style="display:flex;justify-content:space-between;font-size:0.8rem">{labels}</div>'
        "</div>"
    )


def show_chart(figure: "go.Figure", alt: str, *, key: str, has_tools: bool = True) -> None:
    """Show a plotly figure as wide as its column; `has_tools`: with buttons to look closer."""
    results.note_chart(alt, figure)
    config = CHART if has_tools else {**CHART, "displayModeBar": False}
    st.plotly_chart(figure, config=config, alt=alt, key=key)


def number(value: float, num_digits: int = 3) -> str:
    """Write a number with as many digits as are sensible; zero is 0."""
    is_plain = 100 <= abs(value) < 1e6  # without an exponent
    written = f"{value:,.0f}" if is_plain else f"{value:.{num_digits}g}"
    if not value:
        return "0"
    mantissa, _, exponent = written.partition("e")
    power = f" × 10{_superscript(int(exponent))}" if exponent else ""
    return mantissa.replace("-", "−") + power


def _superscript(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def likelihood(prediction: Prediction, num_decimals: int = 1) -> str:
    """Write the probability of a class; its raw score if the network gives no probabilities."""
    if prediction.probability is None:
        return f"score {number(prediction.logit)}"
    return f"{prediction.probability:.{num_decimals}%}"


def show_bars(predictions: Sequence[Prediction], *, with_logits: bool = False) -> None:
    """List classes with a bar for each probability; raw scores stand without bars."""
    for prediction in predictions:
        if prediction.probability is None:
            st.markdown(f"{prediction.label}: {likelihood(prediction)}")
            continue
        logit = f" (logit {prediction.logit:.2f})" if with_logits else ""
        st.progress(prediction.probability, f"{prediction.label}: {likelihood(prediction)}{logit}")


def exact(value: float) -> str:
    """Write a number to four decimals, without zeros at the end."""
    return f"{round(value, 4) + 0.0:.10g}".replace("-", "−")


def added(parts: Sequence[float]) -> str:
    """Write a sum: negative numbers are taken away."""
    line = exact(parts[0])
    for part in parts[1:]:
        line += f" − {exact(-part)}" if part < 0 else f" + {exact(part)}"
    return line


def multiplied(weights: Sequence[float], values: Sequence[float]) -> str:
    """Write a sum of products; negative numbers stand in brackets."""

    def bracketed(value: float) -> str:
        return f"({exact(value)})" if round(value, 4) < 0 else exact(value)

    pairs = zip(weights, values, strict=True)
    return " + ".join(f"{bracketed(weight)}·{bracketed(value)}" for weight, value in pairs)


def download(label: str, file_name: str, make: Callable[[], bytes]) -> None:
    """Offer a file that is made when it is asked for, in the view's menu if it has one."""
    if not results.note_file(label, file_name, make):
        results.download_button(label, file_name, make)


def show_thumbnail(image: ImageInput, alt: str) -> None:
    """Show the image in use, small, in the bar."""
    small = figures.enlarge(shrink_to_fit(image, 2 * _THUMBNAIL_PX).pixels, 2 * _THUMBNAIL_PX)
    st.html(f'<img src="{_inline(small)}" alt="{html.escape(alt)}" width="{_THUMBNAIL_PX}">')


def show_small(pixels: np.ndarray, alt: str, width_px: int) -> None:
    """Show a small image that travels in the message itself."""
    st.image(_inline(pixels), alt=alt, width=width_px)


def _inline(pixels: np.ndarray) -> str:
    content = base64.b64encode(figures.encode_jpeg(pixels)).decode()
    return f"data:image/jpeg;base64,{content}"
