"""Results that are kept: `remembered` if they come at once, `in_background` if they take time.

Both tell images and maps apart by their digests. What is kept is bounded by its number.
"""

from collections.abc import Callable
from functools import partial, wraps
from inspect import signature
from operator import attrgetter
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st

from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.targets import Target
from cnnviz.datasets import Collection
from cnnviz.images import ImageInput
from cnnviz.ui.shell import jobs
from cnnviz.ui.shell.jobs import Report

_F = TypeVar("_F", bound=Callable[..., Any])
_P = ParamSpec("_P")
_Result = TypeVar("_Result")

BY_DIGEST: dict[str | type[Any], Callable[[Any], Any]] = {
    ImageInput: attrgetter("digest"),
    ClassHeatmap: attrgetter("digest"),
    Target: repr,
    Collection: attrgetter("name", "title"),
}


def remembered(
    max_entries: int,
    spinner: str | bool = False,
    *,
    is_shared: bool = False,
    ttl: float | None = None,
    also_by: dict[type[Any], Callable[[Any], Any]] | None = None,
) -> Callable[[_F], _F]:
    """Keep the last results of a function, for all visitors together.

    Parameters
    ----------
    max_entries : int
        How many results are kept.
    spinner : str or bool
        What is said while one is computed; nothing if False.
    is_shared : bool
        Whether callers get the same read-only object; otherwise each gets a copy.
    ttl : float, optional
        Seconds after which a result is computed again.
    also_by : dict, optional
        For further types of arguments what tells them apart.
    """
    keep = st.cache_resource if is_shared else st.cache_data
    by = BY_DIGEST | (also_by or {})
    decorate: Any = keep(max_entries=max_entries, ttl=ttl, hash_funcs=by, show_spinner=spinner)
    return decorate


def in_background(
    title: str,
    cost_s: float = jobs.USUAL_S,
) -> Callable[[Callable[Concatenate[Report, _P], _Result]], Callable[_P, _Result | None]]:
    """Run a function as a job: equal calls share it, and its progress is drawn where it is called.

    The function's first argument is where it reports (done, total, what there is to see so far).
    It runs outside the script and must not draw. Whoever calls it leaves that argument out and
    gets None until the result is there. An argument called ``show`` draws what there is so far;
    it does not tell calls apart.

    Parameters
    ----------
    title : str
        What is being done; may name arguments in braces, such as ``{images.title}``.
    cost_s : float
        About how many seconds it takes, as for `jobs.result_of`.
    """

    def decorate(
        work: Callable[Concatenate[Report, _P], _Result],
    ) -> Callable[_P, _Result | None]:
        @wraps(work)
        def ask(*args: _P.args, **kwargs: _P.kwargs) -> _Result | None:
            given = signature(work).bind(None, *args, **kwargs).arguments
            told_apart = [_key(value) for name, value in [*given.items()][1:] if name != "show"]
            result: _Result | None = jobs.result_of(
                (work.__module__, work.__qualname__, *told_apart),
                title.format(**given),
                partial(_run, work, args, kwargs),
                given.get("show"),
                cost_s,
            )
            return result

        return ask

    return decorate


def _run(work: Callable[..., Any], args: Any, kwargs: Any, report: Report) -> Any:
    return work(report, *args, **kwargs)


def _key(value: Any) -> Any:
    """Return what tells an argument apart: a digest, where it has one."""
    by = BY_DIGEST.get(type(value))
    return by(value) if by is not None else value
