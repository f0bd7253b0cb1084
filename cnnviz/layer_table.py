"""A network as a table: what each layer is, what it costs, and how far it sees."""

from typing import TYPE_CHECKING, Any

from cnnviz.receptive_field import dilation, kernel_size, receptive_fields, strides
from cnnviz.results import LayerFacts

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel


def layer_table(model: "LoadedModel") -> tuple[LayerFacts, ...]:
    """Describe every layer of a network, in order of computation.

    Parameters
    ----------
    model : LoadedModel

    Returns
    -------
    tuple of LayerFacts
        One row for each of `model.layer_names`; a layer that is used twice stands there twice.
    """
    fields = receptive_fields(model)
    rows = []
    for name in model.layer_names:
        operation = model.operations[name]
        inputs = model.layer_inputs[name]
        shape_in = model.layer_shapes[inputs[0]] if inputs else model.input_shape
        shape_out = model.layer_shapes[name]
        window = kernel_size(operation)
        parameters, multiplications = _formulas(operation, shape_in, shape_out)
        rows.append(
            LayerFacts(
                name=name,
                kind=type(operation).__name__,
                inputs=inputs,
                kernel=window,
                stride=strides(operation) if window else None,
                dilation=dilation(operation) if window else None,
                padding=str(getattr(operation, "padding", "")) if window else "",
                output_shape=shape_out,
                num_parameters=getattr(operation, "count_params", int)(),
                parameter_formula=parameters,
                num_multiplications=_product_of(multiplications),
                multiplication_formula=multiplications,
                receptive_field=fields[name],
            )
        )
    return tuple(rows)


def _formulas(
    operation: Any, shape_in: tuple[int, ...], shape_out: tuple[int, ...]
) -> tuple[str, str]:
    """Write out how many parameters and multiplications a layer has; empty where it has none."""
    kind = type(operation).__name__
    window = kernel_size(operation)
    if kind == "Dense":
        inputs, units = shape_in[-1], shape_out[-1]
        places = "".join(f"·{length}" for length in shape_out[:-1])
        return _with_bias(f"{inputs}·{units}", units, operation), f"{inputs}·{units}{places}"
    if kind == "BatchNormalization":
        return f"{len(operation.weights)}·{shape_out[-1]}", ""
    if window is None or len(shape_out) != 3 or not operation.weights:
        return "", ""
    square = f"{window[0]}·{window[1]}"
    height, width, filters = shape_out
    depth = shape_in[-1]
    if kind == "Conv2D":
        kernel = f"{square}·{depth // operation.groups}"
        parameters = _with_bias(f"{kernel}·{filters}", filters, operation)
        return parameters, f"{kernel}·{width}·{height}·{filters}"
    if kind == "DepthwiseConv2D":
        parameters = _with_bias(f"{square}·{filters}", filters, operation)
        return parameters, f"{square}·{width}·{height}·{filters}"
    if kind == "SeparableConv2D":
        between = depth * operation.depth_multiplier
        parameters = _with_bias(f"{square}·{between} + {between}·{filters}", filters, operation)
        each = f"{width}·{height}"
        return parameters, f"{square}·{each}·{between} + {each}·{between}·{filters}"
    return "", ""


def _with_bias(product: str, num_biases: int, operation: Any) -> str:
    return f"{product} + {num_biases}" if operation.use_bias else product


def _product_of(formula: str) -> int:
    """Work a formula out: sums of products."""
    if not formula:
        return 0
    return sum(_product(map(int, part.split("·"))) for part in formula.split(" + "))


def _product(numbers: Any) -> int:
    result = 1
    for number in numbers:
        result *= int(number)
    return result
