"""What a session keeps of its live trainings: the current run."""

import streamlit as st

from cnnviz.training.live.queue import LiveRun
from cnnviz.training.live.settings import (
    SAMPLES,
    LiveSettings,
)

RUN = "live_run"  # session key: the run


def remember(settings: LiveSettings) -> None:
    """Set the widgets as in the run, after a visit to another page."""
    is_double = len(settings.filters) == 1 or settings.filters[1] > settings.filters[0]
    for key, value in {
        "live_data": settings.data,
        "live_few" if settings.data == SAMPLES else "live_images": settings.num_images,
        "live_blocks": len(settings.filters),
        "live_filters": settings.filters[0],
        "live_kernel": settings.kernel_size,
        "live_rate": settings.learning_rate,
        "live_epochs": settings.epochs,
        "live_later": "double" if is_double else "same",
        "live_pooling": settings.pooling,
        "live_head": settings.head,
        "live_dropout": settings.dropout,
        "live_norm": settings.batch_norm,
        "live_optimizer": settings.optimizer,
        "live_batch": settings.batch_size,
        "live_changes": settings.augmentation,
        "live_seed": settings.seed,
    }.items():
        if key not in st.session_state:
            st.session_state[key] = value


def current_run() -> LiveRun | None:
    """Return the run that this session began last."""
    return st.session_state.get(RUN)


def shown_run(settings: LiveSettings) -> LiveRun | None:
    """Return the run to show: an active one, or the last one with these settings."""
    run = current_run()
    return run if run is not None and (run.is_active or run.settings == settings) else None
