"""Choices that stand in the address as slugs: a copied link opens what was seen.

Streamlit writes the label of an option into the address. Labels change with the words; slugs stay.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any
from urllib.parse import unquote, urlsplit

import streamlit as st
from streamlit.commands import navigation
from streamlit.runtime.state import query_params, session_state

_MAX_SHOWN = 40  # characters of an unknown address
_CHOICES = "address_choices"  # session key
_PART = "show"  # parameter: which part of a view


@dataclass(slots=True)
class _Choices:
    """What this session chose, by the keys of the widgets; kept where no widget is drawn."""

    page: str = ""
    view: str = ""
    made: dict[str, str] = field(default_factory=dict)
    drawn: dict[str, str] = field(default_factory=dict)  # what each widget showed last
    in_address: dict[str, str | None] = field(default_factory=dict)  # by parameter, seen last


def wanted(key: str) -> str:
    """Name the session key of what a widget is to show on the next run, whatever it shows now.

    The state of a widget cannot be set once it is drawn; what stands under this key can.
    """
    return f"{key}_wanted"


def next_choice(parameter: str, options: Sequence[str], default: str, *, key: str) -> str:
    """Tell what `choice` is about to show."""
    choices = _choices()
    touched = st.session_state.get(key)
    in_address = st.query_params.get(parameter)
    for value in (
        st.session_state.get(wanted(key)),
        None if touched == choices.drawn.get(key) else touched,
        # a link, or the browser's history
        None if in_address == choices.in_address.get(parameter) else in_address,
        choices.made.get(key),
    ):
        if value in options:
            return str(value)
    return default


def choice(
    parameter: str, options: Sequence[str], default: str, ask: Callable[[str], str], *, key: str
) -> str:
    """Ask for one of several slugs, and keep it in the address and across pages.

    Parameters
    ----------
    parameter : str
        Name in the address.
    options : sequence of str
        The slugs that are allowed.
    default : str
        What is shown until something is chosen; needs no mention in the address.
    ask : callable
        Draws the widget of the key that it is given, and returns its value.
    key : str
        Key of the widget. What stands under `wanted(key)` is taken first, once it is an option.

    Returns
    -------
    str
        The chosen slug. A value in the address that is not known is named above the widget, and the
        choice stays as it was.
    """
    choices = _choices()
    in_address = st.query_params.get(parameter)
    if in_address not in (None, choices.in_address.get(parameter), *options):
        st.warning(f"The address asks for {parameter} “{in_address}”, which is not a choice here.")
    is_touched = st.session_state.get(key) != choices.drawn.get(key)
    shown = next_choice(parameter, options, default, key=key)
    if st.session_state.get(wanted(key)) == shown:
        del st.session_state[wanted(key)]
    st.session_state[key] = shown
    value = ask(key)
    if value != default or is_touched:
        choices.made[key] = value
    choices.drawn[key] = value
    if value == default:
        st.query_params.pop(parameter, None)
    elif in_address != value:
        st.query_params[parameter] = value
    choices.in_address[parameter] = None if value == default else value
    return value


def slug(title: str) -> str:
    """Write a title as it stands in the address: lower case, with hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def selectbox(
    label: str,
    titles: Mapping[str, str],
    *,
    key: str,
    default: str = "",
    parameter: str = "",
    **options: Any,
) -> str:
    """Ask for one of several slugs by their titles, as `choice` does.

    Parameters
    ----------
    label : str
    titles : mapping
        Slug → what the option is called on screen.
    key : str
        Of the widget, and the parameter in the address if none is given.
    default : str
        The first slug if left out.
    parameter : str
    options
        What else `st.selectbox` takes.
    """
    slugs = [*titles]

    def ask(key: str) -> str:
        return st.selectbox(label, slugs, format_func=titles.__getitem__, key=key, **options)

    return choice(parameter or key, slugs, default or slugs[0], ask, key=key)


def radio(label: str, titles: Mapping[str, str], *, key: str, **options: Any) -> str:
    """Ask for one of several slugs, all in sight, as `selectbox` does."""
    slugs = [*titles]

    def ask(key: str) -> str:
        chosen = st.radio(label, slugs, format_func=titles.__getitem__, key=key, **options)
        return chosen or slugs[0]

    return choice(key, slugs, slugs[0], ask, key=key)


def tabs(titles: Mapping[str, str], *, key: str) -> str:
    """Ask which part of a view to show, as buttons above it; only that part is computed.

    Parameters
    ----------
    titles : mapping
        Slug → what the part is called on screen.
    key : str
        Of the buttons; in the address, all views share the parameter `show`.

    Returns
    -------
    str
        The slug of the part, the first one until another is chosen.
    """
    slugs = [*titles]

    def ask(key: str) -> str:
        chosen = st.segmented_control(
            "Show",
            slugs,
            format_func=titles.__getitem__,
            key=key,
            required=True,
            label_visibility="collapsed",
        )
        return chosen or slugs[0]

    return choice(_PART, slugs, slugs[0], ask, key=key)


def name_infinite_numbers() -> None:
    """Name values in the address that no control can show; the controls show their defaults."""
    for parameter, value in st.query_params.to_dict().items():
        try:
            is_usable = isfinite(float(value))
        except ValueError:
            continue  # no number
        if not is_usable:
            shown = value[:_MAX_SHOWN]
            st.warning(f"The address sets {parameter} to “{shown}”, which is not a finite number.")


def begin_page(name: str) -> None:
    """Take what the page before wrote out of the address; its choices are kept.

    Called in every run before any choice is drawn.
    """
    choices = _choices()
    if choices.page not in ("", name):
        for parameter in choices.in_address:
            _take_out(parameter)
    choices.page = name


def begin_view(name: str) -> None:
    """Take the part of the view before out of the address; it is kept for when that comes back."""
    choices = _choices()
    if choices.view not in ("", name):
        _take_out(_PART)
    choices.view = name


def _take_out(parameter: str) -> None:
    choices = _choices()
    value = choices.in_address.get(parameter)
    if value is not None and st.query_params.get(parameter) == value:
        del st.query_params[parameter]
        choices.in_address[parameter] = None


def _choices() -> _Choices:
    if _CHOICES not in st.session_state:
        st.session_state[_CHOICES] = _Choices()
    choices: _Choices = st.session_state[_CHOICES]
    return choices


def unknown_page(also_known: Collection[str] = ()) -> str:
    """Name the page that the address asks for while the home page is shown; empty if none.

    Parameters
    ----------
    also_known : collection of str
        Names that lead home without a word.
    """
    asked = unquote(urlsplit(st.context.url or "").path).strip("/")
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    name = asked.removeprefix(base).strip("/")
    return "" if name in also_known else re.sub(r"[^\w./-]", "", name)[:_MAX_SHOWN]


def _parse_finite(value: str | list[str], value_type: str) -> Any:
    """Parse a value in the address for a control, as Streamlit does, but refuse infinity and NaN.

    Streamlit breaks off with an error where the address sets a whole number to infinity. To a
    ValueError it answers with the default of the control.
    """
    parsed = query_params.parse_url_param(value, value_type)
    for number in parsed if isinstance(parsed, list) else [parsed]:
        if isinstance(number, float) and not isfinite(number):
            raise ValueError(f"not a finite number: {number}")
    return parsed


session_state.parse_url_param = _parse_finite
# Streamlit would open a dialog over the home page; the page says it in a sentence.
navigation.send_page_not_found = lambda ctx: None
