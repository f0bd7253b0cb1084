"""The parts of the networks page: drawing, table, card, curves, confusions, weights."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz import figures, zoo
from cnnviz.network.layer_table import LayerFacts, table_totals
from cnnviz.ui import shared
from cnnviz.ui.controls import PickedImage, card_of
from cnnviz.ui.networks.confusion import show_confusion
from cnnviz.ui.networks.words import curves_verdict
from cnnviz.ui.shared import code
from cnnviz.ui.shell import address, frame, results
from cnnviz.ui.shell.display import number, show_bars, show_chart, show_image, show_painted
from cnnviz.zoo import ModelCard, TrainingRecord

_LAYER_PARTS = {"drawing": "Drawing", "table": "Table", "formulas": "Formulas of one layer"}
_MAX_TILES = 64


def show_architecture(model_name: str, picked: PickedImage) -> None:
    """Show what goes in and what comes out, and the layers as a drawing or a table."""
    rows = shared.layers(model_name)
    column, stage = frame.columns()
    with column:
        _show_input_and_output(model_name, picked, rows)
    results.note_code(
        code.program(
            "for row in cnnviz.layer_table(model):\n"
            "    print(row.name, row.output_shape, row.num_parameters, row.num_multiplications)",
            model_name=model_name,
        )
    )
    with stage:
        part = address.tabs(_LAYER_PARTS, key="layers_part")
        if part == "drawing":
            _show_drawing(model_name)
        elif part == "table":
            _show_table(model_name, rows)
        else:
            _explain_layer(rows, column)


def _show_input_and_output(
    model_name: str, picked: PickedImage, rows: Sequence[LayerFacts]
) -> None:
    model = shared.model(model_name)
    view = zoo.model_view(model.card, picked.image)
    size = " × ".join(map(str, model.input_shape))
    show_image(view, f"Input: {picked.label}, {size}", f"{picked.label} at {size}")
    show_bars(shared.predictions(model_name, picked.image, 3))
    totals = table_totals(model, rows)
    parameters = totals.num_parameters
    st.markdown(
        f"{len(rows)} layers, **{parameters:,}** parameters "
        f"({parameters * 4 / 1e6:.1f} MB as float32), "
        f"**{_short(totals.num_multiplications)}** multiplications for one image."
    )
    if totals.notes:
        st.markdown(f":small[{' '.join(totals.notes)}]")


def _show_drawing(model_name: str) -> None:
    title = shared.model(model_name).card.title
    show_chart(shared.drawing(model_name), f"Drawing of {title}", key="draw")
    st.markdown(
        ":small[Height of a block: height of its maps; width: number of channels; both on a log "
        "scale. "
        "Arcs are skip connections. Hover for details, drag to zoom, double-click to reset. ReLU, "
        "batch normalization, dropout and padding belong to the block before them.]"
    )


def _show_table(model_name: str, rows: Sequence[LayerFacts]) -> None:
    st.dataframe(
        [_row(row) for row in rows],
        hide_index=True,
        height=min(38 * len(rows) + 40, 520),
        column_config=_COLUMNS,
        alt=f"Table of the layers of {shared.model(model_name).card.title}",
    )


def _row(row: LayerFacts) -> dict[str, object]:
    field = row.receptive_field
    field_size = "?"
    if field is not None:
        field_size = "all" if field.rows.size is None else f"{field.rows.size}×{field.columns.size}"
    return {
        "Layer": row.name,
        "Output": "×".join(map(str, row.output_shape)),
        "Parameters": row.num_parameters,
        "MACs": row.num_multiplications,
        "Kernel": "×".join(map(str, row.kernel)) if row.kernel else "",
        "Stride": str(row.stride[0]) if row.stride else "",
        "Padding": row.padding,
        "Receptive field": field_size,
        "Effective stride": str(field.rows.jump or "") if field else "",
        "Type": row.kind,
        "Parameter formula": row.parameter_formula,
        "MAC formula": row.multiplication_formula,
    }


_COLUMNS = {
    "Layer": st.column_config.TextColumn(width=165, pinned=True),
    "Output": st.column_config.TextColumn(width=110, help="Rows × columns × channels"),
    "Parameters": st.column_config.NumberColumn(
        width=95, format="localized", help="Shared weights are counted where they first appear"
    ),
    "MACs": st.column_config.NumberColumn(
        width=110,
        format="localized",
        help="Multiplications (MACs) for one image; empty where unknown",
    ),
    "Kernel": st.column_config.TextColumn(
        width=75, help="Rows × columns of kernel or pooling window"
    ),
    "Stride": st.column_config.TextColumn(width=55),
    "Padding": st.column_config.TextColumn(width=70),
    "Receptive field": st.column_config.TextColumn(
        width=75, help="The pixels that one position can depend on"
    ),
    "Effective stride": st.column_config.TextColumn(
        width=60, help="Pixels between the receptive fields of neighboring positions"
    ),
}


def _explain_layer(rows: Sequence[LayerFacts], column: DeltaGenerator) -> None:
    """Write out the numbers of one layer."""
    counted = [row for row in rows if row.parameter_formula or row.multiplication_formula]
    if not counted:
        return
    default = next((i for i, row in enumerate(counted) if row.kernel), 0)
    names = [row.name for row in counted]
    name = column.selectbox("Layer", names, index=default, key="written_out", bind="query-params")
    row = next(row for row in counted if row.name == name)
    lines = [_parameters_of(row)]
    if row.multiplication_formula:
        product = f"{row.multiplication_formula} = **{row.num_multiplications:,}**"
        what = "F·F·D·W·H·K" if row.kind == "Conv2D" else row.kind
        lines.append(f"**Multiplications** ({what}): {product}.")
    field = row.receptive_field
    if field is not None and field.rows.size is not None:
        jump = field.rows.jump
        lines.append(
            f"**Receptive field**: a position depends on {field.rows.size} × {field.columns.size} "
            f"pixels; from one position to the next the field moves by {jump} "
            f"pixel{'s' if jump > 1 else ''}{' on average' if jump < 1 else ''}."
        )
    st.markdown("\n\n".join(lines))
    st.markdown(
        ":small[Products with weights, and of features with features in attention; products entry "
        "by entry, as in batch normalization, are not counted. The receptive field is what a "
        "position *can* depend on; how much it does falls off from the center (Luo et al. 2016, "
        "arXiv:1701.04128).]"
    )


def _parameters_of(row: LayerFacts) -> str:
    """Write out the parameters of a layer."""
    text = f"**Parameters of `{row.name}`**: "
    if row.parameter_formula:
        text += f"{row.parameter_formula} = **{row.num_parameters:,}**"
    if row.parameter_formula and row.kind == "Conv2D":
        text += ": a filter is F·F·D numbers, and there are K of them, each with one bias"
        text += "." if "+" in row.parameter_formula else " (here there is none)."
    if row.shared_with:
        text += f" shared with `{row.shared_with}` and counted there."
    return text if row.parameter_formula or row.shared_with else text + "none."


def _short(count: int) -> str:
    for size, word in ((10**9, "billion"), (10**6, "million")):
        if count >= size:
            return f"{count / size:.3g} {word}"
    return f"{count:,}"


def show_training(model_name: str) -> None:
    """Show how a network was trained and what it confuses, or say why that is not known."""
    card = card_of(model_name)
    if not zoo.has_training_record(card.name):
        _show_card(card)
        st.info(
            f"{card.title} was not trained here, so there is no history. Choose one of the "
            "networks that were: their names begin with Digits, Fashion, SVHN or Cats vs. dogs."
        )
        return
    record = shared.training_record(card.name)
    column, stage = frame.columns()
    with stage:
        _show_record(card, record, column)


def _show_record(card: ModelCard, record: TrainingRecord, column: DeltaGenerator) -> None:
    column.markdown(
        f"**{record.accuracy:.1%}** of {record.facts['num_test_images']:,} test images "
        f"are classified correctly, after {len(record.history['loss'])} epochs in "
        f"{duration(record.facts['training_seconds'])} on two processor cores."
    )
    _show_curves(record, column)
    show_confusion(card.name, record)
    with st.expander("Model card"):
        _show_facts(card, record)


def _show_card(card: ModelCard) -> None:
    lines = {
        "Summary": card.summary,
        "Paper": card.paper,
        "Weights": card.origin,
        "License": card.license,
        "Input": f"{card.input_height} × {card.input_width} × {card.channels}, "
        f"preprocessing “{card.preprocessing.name}”",
    }
    st.markdown("\n".join(f"- **{what}**: {text}" for what, text in lines.items() if text))


def _show_curves(record: TrainingRecord, column: DeltaGenerator) -> None:
    smoothing = column.slider(
        "Smoothing",
        *(0.0, 0.9, 0.0, 0.1),
        key="smoothing",
        bind="query-params",
        help="Exponential moving average with this weight of the past. Points stay as measured.",
    )
    for place, key in zip(st.columns(2), ("accuracy", "loss"), strict=True):
        figure = figures.learning_curves(record.history, key, key, smoothing)
        with place:
            show_chart(figure, f"Curves of the {key}", key=f"curve {key}")
    part = record.facts["validation"]
    note = "the test set" if part == "test" else f"the split “{part}”"
    frame.explain(
        f"**What you see.** Each point is an epoch, one pass over "
        f"{record.facts['num_training_images']:,} training images; validation means {note}. "
        f"Here {curves_verdict(record.history)}\n\n**Try this.** {_advice(record.facts['data'])}"
    )


def _advice(data_name: str) -> str:
    if data_name.startswith("cats-dogs"):
        return (
            "Compare *Cats vs. dogs CNN* with *Cats vs. dogs CNN, augmented*, the same network, "
            "and both with "
            "*Cats vs. dogs, frozen base*, which uses the features of EfficientNet-Lite0."
        )
    return "Smooth the curves. Did the last epochs still help?"


def _show_facts(card: ModelCard, record: TrainingRecord) -> None:
    facts = record.facts
    changes = {key: value for key, value in facts["augmentation"].items() if value}
    fill = changes.pop("fill")
    described = ", ".join(f"{key} {value}" for key, value in changes.items())
    base = facts["base"]
    lines = {
        "Summary": facts["summary"],
        "Architecture": facts["architecture"],
        "Frozen base": f"{base['model']} up to {base['layer']}" if base else "none",
        "Parameters": f"{card.num_parameters:,}, of which {facts['num_trained_parameters']:,} "
        "were trained",
        "Data": f"{facts['data_origin']} {facts['num_training_images']:,} for training, "
        f"{facts['num_test_images']:,} in the test set",
        "Augmentation": f"{described}; fill mode “{fill}”" if described else "none",
        "Optimizer": f"{facts['optimizer']}, learning rate {facts['learning_rate']:g} "
        f"({facts['schedule']} schedule), batches of {facts['batch_size']}",
        "Command": f"`{facts['command']}`, seed {facts['seed']}",
        "Reproducibility": facts["repeatability"],
        "Versions": ", ".join(f"{name} {number}" for name, number in facts["versions"].items()),
        "Date": facts["date"],
        "License of the weights": facts["license"],
        "SHA-256 of the file": f"`{facts['sha256']}`",
    }
    st.markdown("\n".join(f"- **{what}**: {text}" for what, text in lines.items()))


def duration(seconds: float) -> str:
    """Write how long something took."""
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"


def show_weights(model_name: str) -> None:
    """Show the first kernels as images and how the weights of any layer are spread."""
    model = shared.model(model_name)
    names = [row.name for row in shared.layers(model_name) if row.parameter_formula]
    column, stage = frame.columns()
    with stage:
        _show_first_kernels(model_name, model.first_convolution, column)
        _show_distribution(model_name, names, column)


def _show_distribution(model_name: str, names: Sequence[str], column: DeltaGenerator) -> None:
    model = shared.model(model_name)
    st.subheader("Distribution of the weights")
    name = column.selectbox("Distribution of layer", names, key="weights_of", bind="query-params")
    weights = np.asarray(model.operations[name].get_weights()[0])
    show_chart(figures.weight_histogram(weights), f"Weights of {name}", key="weights")
    small = float(np.mean(np.abs(weights) < 0.1 * np.abs(weights).max()))
    st.markdown(
        f"`{name}`: {weights.size:,} weights, mean {number(float(weights.mean()))}, standard "
        f"deviation {number(float(weights.std()))}. {small:.0%} of them are smaller than a tenth "
        "of the largest."
    )


def _show_first_kernels(model_name: str, layer_name: str, column: DeltaGenerator) -> None:
    model = shared.model(model_name)
    steps = zoo.checkpoint_steps(model_name)
    kernels = np.asarray(model.operations[layer_name].get_weights()[0])
    when = ""
    if steps:
        step = column.select_slider(
            "Training step",
            steps,
            steps[-1],
            key="step",
            bind="query-params",
            help="Step 0 is random initialization. A step is one batch of images.",
        )
        kernels = shared.checkpoint(model_name, step)[layer_name][0]
        when = f" after {step:,} steps of training" if step else " before training"
    is_common = column.toggle(
        "Common scale for all kernels",
        True,
        key="shared_kernels",
        bind="query-params",
        help="Off: each kernel is scaled to its own maximum, so weak ones look strong.",
    )
    rows, columns, _, many = kernels.shape
    count = f"{_MAX_TILES} of {many}" if many > _MAX_TILES else f"All {many}"
    caption = f"{count} kernels of `{layer_name}`, {rows} × {columns}{when}."
    if not is_common:
        caption += " Each has its own scale."
    alt = f"First kernels of {model.card.title}{when}"
    show_kernel_sheet(
        zoo.rgb_kernels(model.card, kernels[..., :_MAX_TILES]), is_common, caption, alt
    )
    _explain_kernels(rows, bool(steps))


def show_kernel_sheet(
    kernels: np.ndarray, is_common: bool, caption: str, alt: str, *, is_brief: bool = False
) -> None:
    """Show kernels (F, F, C, K) that meet the pixels; three channels are red, green and blue.

    `is_brief` as in `show_image`.
    """
    if kernels.shape[2] == 3:
        tiles = figures.kernel_images(kernels, shared=is_common)
        sheet = figures.mosaic(tiles, [None] * len(tiles), columns=8, tile_px=112)
        if is_common:
            reach = number(float(np.abs(kernels).max()))
            caption += f" Gray is zero; the range of each color is ±{reach}."
        show_image(sheet, caption, alt, is_brief=is_brief)
        return
    maps = kernels[:, :, 0].transpose(2, 0, 1)
    common = figures.signed_scale(maps)
    scales = [common if is_common else figures.signed_scale(kernel_map) for kernel_map in maps]
    sheet = figures.mosaic(maps, scales, columns=8, tile_px=112)
    if is_common:
        show_painted(sheet, common, caption, alt, is_brief=is_brief)
    else:
        show_image(sheet, caption, alt, is_brief=is_brief)


def _explain_kernels(side: int, has_steps: bool) -> None:
    seen = (
        "Look for edges (one side bright, one dark), bars and blobs. Compare them with a filter on "
        "the *Gabor filters* page."
        if side >= 5
        else f"{side} × {side} kernels are small: look for edges (one side bright, one dark) and "
        "spots. The networks named Gabor have 7 × 7 kernels."
    )
    frame.explain(f"**What you see.** A kernel responds where the image resembles it. {seen}")
    if has_steps:
        frame.explain(
            "**Try this.** Move the step to 0 and forward again: noise fades, patterns emerge."
        )
