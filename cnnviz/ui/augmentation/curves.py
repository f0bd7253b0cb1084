"""Learning curves with and without augmentation."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from cnnviz import figures
from cnnviz.ui import shared
from cnnviz.ui.controls.recipe_words import difference_table
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import number, show_chart
from cnnviz.zoo import TrainingRecord

PAIRS = {
    "Cats vs. dogs CNN": ("cats-dogs-150", "cats-dogs-150-augmented"),
    "Few street-view digits": ("svhn-few", "svhn-few-augmented"),
    "Cats vs. dogs, frozen base": ("cats-dogs-features", "cats-dogs-features-augmented"),
}


@dataclass(frozen=True, slots=True)
class _Ends:
    """The last values of the smoothed curves of a training run."""

    training: float
    validation: float

    @property
    def gap(self) -> float:
        return abs(self.training - self.validation)


def show_curves() -> None:
    """Show the learning curves of two networks, one without and one with augmentation."""
    left, right = frame.columns()
    with left:
        titles = {address.slug(title): title for title in PAIRS}
        pair = titles[address.selectbox("Networks", titles, key="curves_of")]
        measures = {"accuracy": "accuracy", "loss": "loss"}
        key = st.radio("Curve", [*measures], key="curve", bind="query-params", horizontal=True)
        smoothing = st.slider(
            "Smoothing",
            *(0.0, 0.9, 0.6, 0.1),
            key="curve_smoothing",
            bind="query-params",
            help="Exponential moving average with this weight of the past. Points are raw values.",
        )
    names = ("without", "with augmentation")
    records = {
        name: shared.training_record(model) for name, model in zip(names, PAIRS[pair], strict=True)
    }
    histories = {name: record.history for name, record in records.items()}
    with right:
        show_chart(
            figures.compared_curves(histories, key, measures[key], smoothing),
            f"Curves of the {key} for training and validation, without and with augmentation",
            key="compared",
        )
        ends = {name: _ends(record, key, smoothing) for name, record in records.items()}
        _explain_curves(records, ends, key)
        _show_differences(records)


def _ends(record: TrainingRecord, key: str, smoothing: float) -> _Ends:
    training, validation = (
        float(figures.smoothed(record.history[source], smoothing)[-1])
        for source in (key, f"val_{key}")
    )
    return _Ends(training, validation)


def _explain_curves(
    records: Mapping[str, TrainingRecord], ends: Mapping[str, _Ends], key: str
) -> None:
    without, changed = ends.values()
    first, second = records.values()
    is_share = key == "accuracy"
    written = "{:.1%}".format if is_share else number
    gaps = [
        f"{100 * e.gap:.1f} percentage points" if is_share else number(e.gap) for e in ends.values()
    ]
    frame.explain(
        f"**What you see.** Without augmentation, the {key} ends at {written(without.training)} in "
        f"training and {written(without.validation)} in validation: a gap of **{gaps[0]}**, on "
        f"{first.facts['num_training_images']:,} training images. With augmentation, no sample "
        f"occurs twice, and the gap is **{gaps[1]}** ({written(changed.training)} and "
        f"{written(changed.validation)}). Accuracy on test images: {first.accuracy:.1%} "
        f"without, {second.accuracy:.1%} with.\n\n"
        r"$$\text{gap} = \big|\,\text{training} - \text{validation}\,\big|"
        f" = |{without.training:.3f} - {without.validation:.3f}| = {without.gap:.3f}$$\n\n"
        f"**Try this.** {_advice(first)}"
    )


def _advice(without: TrainingRecord) -> str:
    if without.facts["base"]:
        return (
            "Compare the gaps with those of the networks trained from scratch: only the head on "
            "the frozen base can overfit."
        )
    losses = without.history["val_loss"]
    best = int(losses.argmin())
    after = "rises" if losses[-1] > 1.05 * losses[best] else "does not improve"
    return (
        f"Look at the loss: without augmentation, validation loss is lowest after epoch {best + 1} "
        f"and then {after}. Then choose the networks on a frozen base."
    )


def _show_differences(records: Mapping[str, TrainingRecord]) -> None:
    """List how the two training runs differ: augmentation is not always the only change."""
    st.markdown("**Differences**\n\n" + difference_table(records))
    second = [*records.values()][1].facts
    st.markdown(
        ":small[With augmentation, the training curve is measured on augmented images"
        + (", with dropout," if "dropout" in second["architecture"] else "")
        + " and the validation curve on original images, which alone reduces the gap. One run "
        "each. Simard, Steinkraus and Platt, ICDAR 2003; Chollet, "
        "Deep Learning with Python, 2017, section 5.2.]"
    )
