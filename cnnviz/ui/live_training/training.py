"""A small network while it learns: its controls, state, curves, kernels and predictions."""

import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cnnviz import figures
from cnnviz.datasets import LabeledImages
from cnnviz.network.layer_table import LayerFacts
from cnnviz.training.live import queue
from cnnviz.training.live.queue import LiveRun
from cnnviz.training.live.settings import (
    SAMPLES,
    LiveLook,
    LiveSettings,
    LiveTrained,
)
from cnnviz.ui.live_training import cached, words
from cnnviz.ui.live_training.controls import choose_settings
from cnnviz.ui.live_training.session import RUN, current_run, shown_run
from cnnviz.ui.live_training.use import show_use
from cnnviz.ui.networks.panels import show_kernel_sheet
from cnnviz.ui.shell import address, frame, results
from cnnviz.ui.shell.display import number, show_chart, show_image
from cnnviz.ui.shell.server import keep_server_fast

ABSENCE_SECONDS = 10.0  # a tab that was closed for so long ends its training
_EARLIER = "live_earlier"  # session key: rows of the runs before
_MAX_EARLIER = 8
_PARTS = {
    "curves": "Curves and kernels",
    "predictions": "Ten predictions",
    "confusion": "Confusion matrix",
    "runs": "Your runs",
}


class _Presence:
    """Whether the browser tab of this session is still open, asked from any thread."""

    def __init__(self) -> None:
        context = get_script_run_ctx()
        self._session_id = context.session_id if context else ""
        self._seen = time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        is_open = not runtime.exists() or runtime.get_instance().is_active_session(self._session_id)
        self._seen = now if is_open else self._seen
        return now - self._seen < ABSENCE_SECONDS


def show() -> None:
    """Build, train and compare small networks."""
    column, stage = frame.columns()
    with column:
        settings = choose_settings()
        show_use(settings)
    with stage:
        show_buttons(settings)
        show_training(settings)


def show_buttons(settings: LiveSettings) -> None:
    """Offer start, pause, resume and stop."""
    run = current_run()
    start, hold, stop, size = st.columns([1, 1, 1, 2.2], vertical_alignment="center")
    is_active = run is not None and run.is_active
    start.button(
        "Start",
        on_click=_start,
        args=(settings,),
        disabled=is_active,
        width="stretch",
        key="live start",
    )
    if run is not None and run.state == queue.PAUSED:
        hold.button("Resume", on_click=run.go_on, width="stretch", key="live go on")
    else:
        can_pause = run is not None and is_active
        hold.button(
            "Pause",
            on_click=run.pause if run else None,
            disabled=not can_pause,
            width="stretch",
            key="live pause",
        )
    stop.button(
        "Stop",
        on_click=run.stop if run else None,
        disabled=not is_active,
        width="stretch",
        key="live stop",
    )
    size.markdown(f"**{settings.network.num_parameters:,}** parameters")


def _start(settings: LiveSettings) -> None:
    run = current_run()
    if run is not None and run.is_active:
        return
    if run is not None and run.trained is not None:
        earlier = [*st.session_state.get(_EARLIER, ()), _row(run.trained)]
        st.session_state[_EARLIER] = earlier[-_MAX_EARLIER:]
    keep_server_fast()
    st.session_state[RUN] = LiveRun(settings, is_wanted=_Presence())


def show_training(settings: LiveSettings) -> None:
    """Show the network during training, updated every second, or before it."""
    run = shown_run(settings)
    is_active = run is not None and run.is_active
    st.fragment(_watch, run_every=1.0 if is_active else None)(settings, is_active)


def _watch(settings: LiveSettings, was_active: bool) -> None:
    results.end()  # this part is redrawn every second, the menu is not
    run = shown_run(settings)
    if was_active and (run is None or not run.is_active):
        st.rerun()
    settings = run.settings if run is not None else settings
    look = run.look if run is not None else None
    look = look or cached.live_first_look(_untrained(settings))
    _say_state(run, settings, look)
    part = address.tabs(_PARTS, key="live_part")
    if part == "curves":
        history = _with_running_epoch(look)
        if len(history["loss"]):
            _show_curves(history, settings)
        else:
            _show_network(settings)
        _show_kernels(look)
        _explain(settings, look, history)
    elif part == "predictions":
        _show_ten(cached.live_ten(settings.data), look)
    elif part == "confusion":
        _show_confusion(settings, look)
    else:
        _show_runs()


def _untrained(settings: LiveSettings) -> LiveSettings:
    """Reset the settings that do not matter before training."""
    first = LiveSettings()
    return replace(
        settings,
        num_images=first.num_images,
        optimizer=first.optimizer,
        learning_rate=first.learning_rate,
        epochs=first.epochs,
        augmentation=first.augmentation,
    )


def _say_state(run: LiveRun | None, settings: LiveSettings, look: LiveLook) -> None:
    accuracy = f"{look.accuracy:.1%} of {look.confusion.sum():,} validation images"
    if run is None:
        st.info(
            f"Not trained yet: kernels are random, and {accuracy} are classified correctly by "
            "chance. Press **Start**."
        )
    elif run.state == queue.FAILED:
        st.error(run.error)
    elif run.state == queue.WAITING:
        st.progress(0.0, _waiting(run.num_before))
    elif run.is_active:
        batches = ""
        if look.num_batches:
            batches = f", batch {look.batches_done:,} of {look.num_batches:,}"
        done = look.epochs_done + look.batches_done / max(look.num_batches, 1)
        now = f"Epoch {min(look.epochs_done + 1, settings.epochs)} of {settings.epochs}{batches}"
        held = f" {_pause(run)}" if run.state == queue.PAUSED else ""
        st.progress(min(done / settings.epochs, 1.0), f"{now}: {accuracy} are correct.{held}")
    elif run.trained is None:
        st.info("Stopped before the end of the first epoch: nothing was kept.")
    else:
        last, seconds = run.trained.history[-1], sum(e["seconds"] for e in run.trained.history)
        epochs = len(run.trained.history)
        what = "Finished" if run.state == queue.FINISHED else "Stopped"
        st.success(
            f"{what}: {last['val_accuracy']:.1%} accuracy on validation images after {epochs} "
            f"epoch{'s' if epochs > 1 else ''}, {seconds:.0f} s."
        )


def _waiting(num_before: int) -> str:
    if not num_before:
        return "Starting…"
    runs = "run" if num_before == 1 else "runs"
    return (
        f"{num_before} training {runs} before yours, which starts by itself; keep this tab open. "
        "This server trains one network at a time."
    )


def _pause(run: LiveRun) -> str:
    if not run.num_behind:
        return "Paused."
    waits = "another run waits" if run.num_behind == 1 else f"{run.num_behind} other runs wait"
    return f"Paused, for at most {run.pause_left_s:.0f} s more: {waits}."


def _with_running_epoch(look: LiveLook) -> dict[str, np.ndarray]:
    """Return the curves; the last training point is that of the running epoch."""
    keys = ("loss", "accuracy", "val_loss", "val_accuracy")
    running = {key: (value,) for key, value in look.so_far.items()}
    return {key: np.array([*look.history.get(key, ()), *running.get(key, ())]) for key in keys}


def _show_curves(history: Mapping[str, np.ndarray], settings: LiveSettings) -> None:
    left, right = st.columns(2)
    for column, key in ((left, "accuracy"), (right, "loss")):
        figure = figures.learning_curves(history, key, key, 0.0)
        figure.update_xaxes(range=[0.5, settings.epochs + 0.5], dtick=max(1, settings.epochs // 5))
        if key == "accuracy":
            figure.update_yaxes(range=[0, 1.02])
        with column:
            show_chart(figure, f"Curves of the {key} so far", key=f"live curve {key}")


def _show_network(settings: LiveSettings) -> None:
    drawing, rows = cached.live_drawing(_untrained(settings))
    show_chart(drawing, "Drawing of the network", key="live drawing")
    with st.expander(f"Layer by layer: {sum(row.num_parameters for row in rows):,} parameters"):
        st.dataframe(
            [_layer_row(row) for row in rows],
            hide_index=True,
            alt="Table of the layers and their parameters",
        )


def _layer_row(row: LayerFacts) -> dict[str, object]:
    return {
        "Layer": row.name,
        "Kind": row.kind,
        "Output": " × ".join(map(str, row.output_shape)),
        "Parameters": row.num_parameters,
        "Formula": row.parameter_formula,
    }


def _show_ten(ten: LabeledImages, look: LiveLook) -> None:
    columns = [*st.columns(5), *st.columns(5)]
    for place, column in enumerate(columns):
        true, prediction = ten.class_names[place], int(look.predictions[place].argmax())
        says = f"{ten.class_names[prediction]}, {look.predictions[place, prediction]:.0%}"
        verdict = f"**correct: {says}**" if prediction == place else f"wrong: {says}"
        with column:
            show_image(ten.images[place], f"{true}  \n{verdict}", f"{true}, predicted {says}")


def _show_kernels(look: LiveLook) -> None:
    st.subheader("First kernels")
    side, _, _, many = look.kernels.shape
    steps = look.epochs_done * look.num_batches + look.batches_done
    when = f"after {steps:,} steps" if steps else "before training"
    caption = f"All {many} kernels of the first layer, {side} × {side}, {when}."
    show_kernel_sheet(look.kernels, True, caption, caption, is_brief=True)


def _show_confusion(settings: LiveSettings, look: LiveLook) -> None:
    names = cached.live_ten(settings.data).class_names
    figure = figures.confusion_figure(look.confusion, names)
    figure.update_layout(height=480)
    show_chart(
        figure,
        f"Confusion matrix of {look.confusion.sum()} validation images",
        key="live confusion",
    )


def _explain(settings: LiveSettings, look: LiveLook, history: Mapping[str, np.ndarray]) -> None:
    ten = cached.live_ten(settings.data)
    guess = 1 / len(ten.class_names)
    lines = [
        f"**What you see.** For each batch of {settings.batch_size} images, the loss is computed "
        "and every weight takes a small step against its gradient; a pass over all training "
        f"images is an epoch. Before training, predictions are random: accuracy "
        f"1/{len(ten.class_names)}, loss ln {len(ten.class_names)} = {-np.log(guess):.2f}."
    ]
    if len(history["val_accuracy"]):
        lines[0] += f" {words.progress_verdict(history, 2.5 * guess)}"
    if settings.data == SAMPLES:
        lines.append(
            "Trained on little data: with 150 images accuracy stays low and is not comparable with "
            "published figures."
        )
    lines.append(
        "**Try this.** Take fewer training images and more epochs: when do the curves separate? "
        "Then a learning rate ten times larger, and ten times smaller."
    )
    frame.explain("\n\n".join(lines))
    st.expander("How it works").markdown(
        f"{_formula(settings)}\n\n:small[{ten.origin} Training images, validation images and the "
        "ten images do not overlap. The same settings and seed give the same result on this "
        "computer. Closing or reloading this tab ends the training. Adam: Kingma and Ba, 2015, "
        "arXiv:1412.6980.]"
    )


def _formula(settings: LiveSettings) -> str:
    rate = number(settings.learning_rate)
    if settings.optimizer == "sgd":
        return f"Each step: $w \\leftarrow w - {rate}\\,\\partial L/\\partial w$."
    return (
        f"Each step: $w \\leftarrow w - {rate}\\,m/\\sqrt{{v}}$, where $v$ is a running mean of "
        "the squared gradient $(\\partial L/\\partial w)^2$ and $m$ "
        + (
            "one of the gradient."
            if settings.optimizer == "adam"
            else "is the gradient $\\partial L/\\partial w$ itself."
        )
    )


def _show_runs() -> None:
    """Compare the training runs of this session."""
    run = current_run()
    rows = list(st.session_state.get(_EARLIER, ()))
    if run is not None and not run.is_active and run.trained is not None:
        rows.append(_row(run.trained))
    if not rows:
        st.info("No run has ended yet. Press **Start**; each finished run becomes a row here.")
        return
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            key: st.column_config.NumberColumn(format="percent")
            for key in ("Training", "Validation")
        },
        alt="Table of the training runs of this session",
    )
    st.markdown(f":small[Accuracy after the last epoch. The latest {_MAX_EARLIER + 1} runs.]")


def _row(trained: LiveTrained) -> dict[str, object]:
    settings, last = trained.settings, trained.history[-1]
    return {
        "Training": last["accuracy"],
        "Validation": last["val_accuracy"],
        "Filters": "-".join(map(str, settings.filters)),
        "Kernel": f"{settings.kernel_size} × {settings.kernel_size}",
        "Parameters": settings.network.num_parameters,
        "Images": settings.num_images,
        "Epochs": settings.epochs,
        "Learning rate": f"{settings.learning_rate:g}",
        "Optimizer": settings.optimizer,
        "Pooling": settings.pooling,
        "Head": settings.head,
        "Augmentation": settings.augmentation,
        "Data": settings.data,
    }
