"""A network as a table: what each layer is, what it costs, and its receptive field."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from cnnviz.network.layers.multiplications import Formula, multiplications
from cnnviz.network.receptive_field import (
    ReceptiveField,
    dilation,
    kernel_size,
    receptive_fields,
    strides,
)

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

IMAGE_COST = 10_000_000  # 0.2 to 0.5 ms on two cores: a mask of RISE for an image of 28 × 28


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One row of the table.

    Attributes
    ----------
    name, kind : str
        Its name in the network, and what it is, such as ``Conv2D``.
    inputs : tuple of str
        The layers it takes its input from; empty for the image itself.
    kernel, stride, dilation : tuple of int or None
        Rows and columns of the window that it slides, its steps, and the distance of its cells.
    padding : str
        ``same``, ``valid`` or empty.
    output_shape : tuple of int
        Without the batch: (rows, columns, channels), or (numbers,).
    num_parameters : int
        Of the weights that no earlier row has counted.
    parameter_formula : str
        How that number comes about, such as ``3·3·32·64 + 64``: a product for the shape of each
        weight. Empty if there is none.
    num_multiplications : int or None
        For one image, as `cnnviz.network.layers.multiplications` counts them: F·F·D·W·H·K of a
        convolution with K filters of F × F × D whose output has W × H positions. None where they
        are not known.
    multiplication_formula : str
    receptive_field : ReceptiveField or None
        None where it is not known.
    shared_with : str
        The row in which weights are counted that this one uses, too; empty if it shares none.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    kernel: tuple[int, int] | None
    stride: tuple[int, int] | None
    dilation: tuple[int, int] | None
    padding: str
    output_shape: tuple[int, ...]
    num_parameters: int
    parameter_formula: str
    num_multiplications: int | None
    multiplication_formula: str
    receptive_field: ReceptiveField | None
    shared_with: str = ""


def layer_table(model: "LoadedModel") -> tuple[LayerFacts, ...]:
    """Describe every layer of a network, in order of computation.

    Parameters
    ----------
    model : LoadedModel

    Returns
    -------
    tuple of LayerFacts
        One row for each of `model.layer_names`. A layer that is used twice has two rows: its
        parameters are counted in the first, its multiplications in both. `table_totals` adds up.
    """
    fields = receptive_fields(model)
    counted: dict[int, str] = {}  # the row in which each variable is counted
    rows = []
    for name in model.layer_names:
        operation = model.operations[name]
        inputs = model.layer_inputs[name]
        shape = model.layer_shapes[name]
        window = kernel_size(operation)
        parameters, shared_with = _parameters(operation, name, counted)
        products = multiplications(
            operation, [model.layer_shapes[source] for source in inputs], shape
        )
        rows.append(
            LayerFacts(
                name=name,
                kind=type(operation).__name__,
                inputs=inputs,
                kernel=window,
                stride=strides(operation) if window else None,
                dilation=dilation(operation) if window else None,
                padding=str(getattr(operation, "padding", "")) if window else "",
                output_shape=shape,
                num_parameters=parameters.value,
                parameter_formula=parameters.text,
                num_multiplications=None if products is None else products.value,
                multiplication_formula="" if products is None else products.text,
                receptive_field=fields[name],
                shared_with=shared_with,
            )
        )
    return tuple(rows)


def _parameters(operation: Any, name: str, counted: dict[int, str]) -> tuple[Formula, str]:
    """Count the weights of a layer that no row has counted yet; name the row that has the others.

    Every weight is a product: its shape.
    """
    shapes, shared_with = [], ""
    for weights in getattr(operation, "weights", ()):
        row = counted.setdefault(id(weights), name)
        if row == name:
            shapes.append(weights.shape)
        else:
            shared_with = shared_with or row
    return Formula.sum_of(shapes), shared_with


@dataclass(frozen=True, slots=True)
class TableTotals:
    """What a whole network holds and needs.

    Attributes
    ----------
    num_parameters : int
        Of the network, weights that several layers share counted once: what Keras counts.
    num_parameters_elsewhere : int
        Those of them that belong to no row of the table.
    num_multiplications : int
        For one image, as far as they are known.
    shared : tuple of str
        Rows whose weights, or some of them, are counted in an earlier row.
    unknown : tuple of str
        Rows whose multiplications are not known.
    """

    num_parameters: int
    num_parameters_elsewhere: int
    num_multiplications: int
    shared: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know about the numbers, in sentences; nothing for most networks."""
        notes = []
        if self.shared:
            notes.append(f"Shared weights are counted once; used again by {_listed(self.shared)}.")
        if self.num_parameters_elsewhere:
            notes.append(
                f"{self.num_parameters_elsewhere:,} of the parameters belong to no layer of the "
                "table."
            )
        if self.unknown:
            notes.append(
                f"The multiplications of {_listed(self.unknown)} are not known and not included."
            )
        return tuple(notes)


def table_totals(model: "LoadedModel", rows: Sequence[LayerFacts]) -> TableTotals:
    """Add up the table of a network.

    Parameters
    ----------
    model : LoadedModel
    rows : sequence of LayerFacts
        All rows of its `layer_table`.

    Returns
    -------
    TableTotals
    """
    num_parameters = model.keras_model.count_params()
    return TableTotals(
        num_parameters=num_parameters,
        num_parameters_elsewhere=num_parameters - sum(row.num_parameters for row in rows),
        num_multiplications=sum(row.num_multiplications or 0 for row in rows),
        shared=tuple(row.name for row in rows if row.shared_with),
        unknown=tuple(row.name for row in rows if row.num_multiplications is None),
    )


def _listed(names: Sequence[str], most: int = 3) -> str:
    """Name a few layers, and say how many others there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


_costs: "WeakKeyDictionary[LoadedModel, dict[str, int]]" = WeakKeyDictionary()  # never change


def pass_cost(model: "LoadedModel", behind: str = "") -> int:
    """Estimate what one image on its way through a network costs, in multiplications.

    Where multiplications are not known, every weight is taken to be used at every position of the
    output. What does not depend on the network, such as masking an image and copying it, takes
    about as long as `IMAGE_COST` multiplications.

    Parameters
    ----------
    model : LoadedModel
    behind : str, optional
        Count only the layers that are computed after this one.
    """
    if model not in _costs:
        _costs[model] = {row.name: _row_cost(model, row) for row in layer_table(model)}
    costs = _costs[model]
    first = [*costs].index(behind) + 1 if behind else 0
    return sum([*costs.values()][first:]) + IMAGE_COST


def _row_cost(model: "LoadedModel", row: LayerFacts) -> int:
    if row.num_multiplications is not None:
        return row.num_multiplications
    weights = getattr(model.operations[row.name], "weights", ())
    return sum(prod(weight.shape) for weight in weights) * prod(row.output_shape[:-1])
