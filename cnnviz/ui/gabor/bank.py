"""The views of filter banks: all responses, their redundancy, ten images, features."""

import math
from typing import Any

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.filter_banks import BANKS, haar_decomposition
from cnnviz.filter_banks.settings import BankSettings
from cnnviz.images import ImageInput
from cnnviz.ui import shared
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.gabor import cached
from cnnviz.ui.gabor.one_filter import MAX_SIDE_PX
from cnnviz.ui.shared import code
from cnnviz.ui.shell import address, frame, results
from cnnviz.ui.shell.display import number, show_image, show_map, show_painted

_MOST_LEVELS = 5
_TITLES = {name: kind.title for name, kind in BANKS.items()}
_SIGMAS = (1.5, 2.0, 3.0, 4.0, 6.0)
_ROOMY_PX = 64  # images of this side have room for the bell of the lowest wave


def show(picked: PickedImage) -> None:
    """Show the responses of a whole bank to the image."""
    column, stage = frame.columns()
    with column:
        image = shared.smaller(picked.image, MAX_SIDE_PX)
        chosen = bank_choice(min(image.pixels.shape[:2]))
    with stage:
        results.note_code(_python_for(picked, chosen))
        parts = {
            "responses": "Responses",
            "redundancy": "Redundancy",
            "strongest": "Strongest filter at each pixel",
        }
        if chosen.kind == "haar":
            parts["decomposition"] = "Haar decomposition"
        part = address.tabs(parts, key="bank_part")
    if part == "responses":
        with column:
            settings = tile_settings(len(cached.filter_bank(chosen).names))
        with stage:
            show_bank(image, picked.label, chosen, **settings)
        return
    with stage:
        if part == "redundancy":
            _show_redundancy(chosen, image)
        elif part == "strongest":
            _show_strongest(chosen, image, picked.label)
        else:
            _show_decomposition(image, picked.label)


def _python_for(picked: PickedImage, chosen: BankSettings) -> str:
    image, imports = code.reduced(picked.code, picked.image, MAX_SIDE_PX)
    return code.program(
        f"bank = BankSettings({code.arguments(chosen)}).make()\n"
        "responses = bank.responses(image)\n"
        "print(responses.shape, responses.max())",
        image=image,
        imports="\n".join(filter(None, ["from cnnviz.filter_banks import BankSettings", imports])),
    )


def bank_choice(side_px: int) -> BankSettings:
    """Ask for a bank for images of a side."""
    kind = BANKS[address.selectbox("Bank", _TITLES, key="bank")]
    num_frequencies, num_thetas = 4, 8
    sigmas: list[float] = []
    if kind.name == "gabor":
        num_frequencies = st.slider("Frequencies", 1, 6, 4, key="frequencies", bind="query-params")
        num_thetas = st.slider("Orientations", 2, 8, 8, key="directions", bind="query-params")
        sigmas = st.multiselect(
            "Sigma (pixels)",
            _SIGMAS,
            key="sigmas",
            bind="query-params",
            placeholder="tied: one octave",
            help="Empty: every filter has a bandwidth of one octave. Chosen ones combine with "
            "every frequency and orientation.",
        )
    st.markdown(f":small[{kind.title}: {kind.note}. {kind.source}.]")
    return BankSettings(
        kind=kind.name,
        num_frequencies=num_frequencies,
        num_thetas=num_thetas,
        lowest=0.08 if side_px >= _ROOMY_PX else 0.14,
        sigmas=tuple(sorted(sigmas)),
    )


def tile_settings(num_filters: int) -> dict[str, Any]:
    """Ask how the responses are shown; gives arguments of `show_bank`."""
    shared = st.toggle(
        "Common scale for all maps",
        True,
        key="shared",
        bind="query-params",
        help="Off: each map is scaled to its own maximum, so weak ones look strong.",
    )
    by_energy = st.toggle(
        "Sort by energy",
        key="by_energy",
        bind="query-params",
        help="Energy: the mean square of a response. Filters keep their numbers.",
    )
    tiles = st.radio("Tiles", ["responses", "kernels"], key="tiles", bind="query-params")
    enlarged = st.selectbox(
        "Enlarge filter", ["strongest", *range(num_filters)], key="enlarged", bind="query-params"
    )
    return {
        "shared": shared,
        "by_energy": by_energy,
        "tiles": tiles,
        "enlarged": None if enlarged == "strongest" else enlarged,
    }


def show_bank(
    image: ImageInput,
    label: str,
    bank: BankSettings,
    *,
    shared: bool,
    by_energy: bool,
    tiles: str,
    enlarged: int | None,
) -> None:
    """Show all responses or kernels in one image, and one filter large."""
    filters = cached.filter_bank(bank)
    responses = cached.bank_responses(image, bank)
    energy = cached.bank_redundancy(image, bank).energy
    order = np.argsort(-energy, kind="stable") if by_energy else np.arange(len(responses))
    maps = responses if tiles == "responses" else filters.kernels.real
    scale_of = figures.unsigned_scale if tiles == "responses" else figures.signed_scale
    common = scale_of(maps)
    scales = [common if shared else scale_of(maps[place]) for place in order]
    what = f"Magnitude of the {len(maps)} responses to {label}"
    if tiles == "kernels":
        what = f"The {len(maps)} kernels" + (", real parts" if filters.kernels.imag.any() else "")
    caption = f"{what}. {_layout(bank, by_energy)}"
    sheet = figures.mosaic(
        [maps[place] for place in order],
        scales,
        columns=_columns(bank),
        numbers=order.tolist(),
    )
    if shared:
        show_painted(sheet, common, caption, what)
    else:
        show_image(sheet, f"{caption} Each tile has its own scale.", what)
    strongest = int(energy.argmax())
    _show_tile(bank, image, strongest if enlarged is None else min(enlarged, len(maps) - 1))


def _columns(bank: BankSettings) -> int:
    if bank.kind != "gabor":
        return 8
    return bank.num_thetas * max(len(bank.sigmas), 1)


def _layout(bank: BankSettings, by_energy: bool) -> str:
    if by_energy:
        return "Sorted by energy."
    if bank.kind != "gabor":
        return ""
    widths = f", each with {len(bank.sigmas)} sigmas" if len(bank.sigmas) > 1 else ""
    return (
        "Rows: frequencies, from fine to coarse; columns: orientations, in steps of "
        f"{180 / bank.num_thetas:g}°{widths}."
    )


def _show_tile(bank: BankSettings, image: ImageInput, place: int) -> None:
    """Show one filter of the bank and its response, each on its own scale."""
    filters = cached.filter_bank(bank)
    kernel, response = filters.kernels[place].real, cached.bank_responses(image, bank)[place]
    frequency, theta = cached.preferred_waves(bank)[place]
    wave = f"responds most to {frequency:.2f} cycles per pixel at {math.degrees(theta):.0f}°"
    left, right = st.columns(2)
    with left:
        show_map(
            kernel,
            figures.signed_scale(kernel),
            f"Filter {place}, {filters.names[place]}: {wave}",
            f"Filter {place}",
        )
    with right:
        show_map(
            response,
            figures.unsigned_scale(response),
            f"Its response, maximum {number(float(response.max()))}",
            f"Response {place}",
        )


def _show_redundancy(bank: BankSettings, image: ImageInput) -> None:
    """Say in numbers which filters are useful for this image."""
    redundancy, names = cached.bank_redundancy(image, bank), cached.filter_bank(bank).names
    share = redundancy.energy / max(float(redundancy.energy.sum()), 1e-300)
    most = np.sort(share)[::-1].cumsum()
    enough = int(np.searchsorted(most, 0.9)) + 1
    st.markdown(
        f"The {len(names)} responses carry about as much information as "
        f"**{redundancy.effective_filters:.1f}** independent ones. The **{enough}** with the most "
        "energy "
        "hold 90 % of it."
    )
    twins = [redundancy.twin(place) for place in range(len(names))]
    st.dataframe(
        [
            {
                "Number": place,
                "Filter": names[place],
                "Energy fraction": float(share[place]),
                "Most similar": f"{twin}: {names[twin]}",
                "Similarity": likeness,
            }
            for place, (twin, likeness) in enumerate(twins)
        ],
        hide_index=True,
        height=420,
        column_config={
            "Number": st.column_config.NumberColumn(width=60),
            "Filter": st.column_config.TextColumn(width=125),
            "Energy fraction": st.column_config.ProgressColumn(
                width=100, format="percent", min_value=0, max_value=float(share.max()) or 1.0
            ),
            "Most similar": st.column_config.TextColumn(width=145),
            "Similarity": st.column_config.NumberColumn(
                width=65, format="%.2f", help="Absolute correlation of the two responses"
            ),
        },
        alt="Energy of each filter and the filter most similar to it",
    )


def _show_decomposition(image: ImageInput, label: str) -> None:
    """Take the image apart by Haar's wavelets, and put it together again."""
    levels = min(_MOST_LEVELS, int(math.log2(min(image.pixels.shape[:2]))) - 1)
    num_levels = st.slider("Levels", 1, max(levels, 2), 2, key="levels", bind="query-params")
    parts = haar_decomposition(image, num_levels)
    rows, columns = parts.coarse
    details = parts.coefficients.copy()
    details[:rows, :columns] /= 2**num_levels  # as bright as the image itself
    scale = figures.signed_scale(details)
    show_map(
        details,
        scale,
        f"{label} after {num_levels} levels: the approximation ({rows} × {columns}) in the "
        "corner; horizontal, vertical and diagonal details around it",
        f"Haar decomposition of {label}",
    )
    frame.explain(
        "**What you see.** Every level halves the image: averages in the corner, differences "
        "around "
        "it. The transform is invertible: after reconstruction no pixel differs by more than "
        f"{number(parts.error, 1)}. Most differences are near zero, which compression exploits."
    )


def _show_strongest(bank: BankSettings, image: ImageInput, label: str) -> None:
    """Show at every pixel the direction and the frequency of the filter that responds most."""
    responses = cached.bank_responses(image, bank)
    waves = np.array(cached.preferred_waves(bank))
    winners = responses.argmax(axis=0)
    strength = responses.max(axis=0)
    left, right = st.columns(2)
    with left:
        if bank.kind == "blobs":
            st.info("These filters have no orientation.")
        else:
            painted = figures.direction_image(waves[winners, 1], strength)
            show_image(painted, _DIRECTIONS, f"Orientation of the strongest response to {label}")
            st.html(figures.direction_bar())
    with right:
        frequencies = waves[winners, 0]
        show_map(
            frequencies,
            figures.unsigned_scale(waves[:, 0]),
            "Frequency of the strongest response, cycles per pixel: fine detail is bright",
            f"Frequency of the strongest response to {label}",
        )
    frame.explain(
        "**Try this.** Find a stroke of the digit in the left image: its color is the direction "
        "across the stroke. Then choose Sobel: two filters suffice, the others are sums of them."
    )


_DIRECTIONS = (
    "Orientation of the strongest response: color is the direction in which brightness changes; "
    "dark is no response"
)
