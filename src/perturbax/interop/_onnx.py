"""Neural networks from ONNX files as pure JAX functions of their parameters and inputs.

An ONNX graph is a list of operators in the order of evaluation. `read_onnx` looks every operator up when it reads the
file, so that what is not supported is told at once and by name. The function that it returns evaluates them one after
the other with `jax.numpy` and `jax.lax`: it can be jitted, differentiated, vmapped, and bounded by `verify`.
"""

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ..core import digest
from ._onnx_elementwise import ELEMENTWISE
from ._onnx_layers import LAYERS
from ._onnx_node import Node, Rule, known, settled
from ._onnx_recurrent import RECURRENT
from ._onnx_reduce import REDUCTIONS
from ._onnx_resize import RESIZE
from ._onnx_shape import SHAPES
from ._packed import read_packed

# Before version 7 every operator had broadcasting rules of its own.
_OLDEST_OPSET = 7

# Inputs that have to be known when the function is traced, whatever they are made of.
_KNOWN_INPUTS = {"Dropout": (1, 2), "Pow": (1,), "Resize": (1, 2, 3), "Upsample": (1,)}


@dataclass(frozen=True)
class OnnxValue:
    """An input or output of a network.

    **Arguments:** `name`; `shape`: `None` for an axis of any length, and altogether when the file does not say it;
    `dtype`: of NumPy.

    >>> OnnxValue("x", (None, 3), np.dtype(np.float32)).shape
    (None, 3)
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: np.dtype


@dataclass(frozen=True)
class _Graph:
    nodes: tuple[Node, ...]
    constants: dict[str, np.ndarray]
    results: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class OnnxFunction:
    """The function of an ONNX file: `f(params, *inputs)`, pure, made of ordinary JAX primitives.

    `inputs` and `outputs` tell names, shapes and dtypes. Functions of equal graphs are equal, whatever their parameters
    hold, so that networks of one architecture are compiled once. The result is one array, or a tuple when the file has
    several outputs. Integer inputs that are given as NumPy arrays or Python numbers are constants of the traced
    function: pass them so where shapes or branches depend on them. `params` in float64 under `core.float64()` make it a
    float64 function.
    """

    inputs: tuple[OnnxValue, ...]
    outputs: tuple[OnnxValue, ...]
    _graph: _Graph
    _content: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OnnxFunction) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    def __call__(self, params: Mapping[str, Any], *inputs: Any) -> Any:
        if len(inputs) != len(self.inputs):
            names = ", ".join(value.name for value in self.inputs)
            raise TypeError(f"inputs must be {len(self.inputs)} arrays ({names}), got {len(inputs)}")
        values = {name: jnp.asarray(settled(value)) for name, value in params.items()}
        values |= {wanted.name: _checked(wanted, given) for wanted, given in zip(self.inputs, inputs, strict=True)}
        results = _evaluate(self._graph, values)
        # Known results too are arrays of JAX at the door.
        arrays = tuple(jnp.asarray(result) for result in results)
        return arrays[0] if len(arrays) == 1 else arrays


def read_onnx(path: str | os.PathLike[str]) -> tuple[OnnxFunction, dict[str, jax.Array]]:
    """A neural network from an ONNX file (operator sets 7 and later).

    The parameters are the floating-point tensors of the file that have at least one axis, by name, in the precision
    that JAX is set to when the file is read. Scalars, integers and what shapes are computed from stay constants of the
    function. External data is read from the folder of the file. A name that ends with `.gz` is that of a packed file.

    **Arguments:** `path`: of the file.

    **Returns:** the function `f(params, *inputs)`, an `OnnxFunction`, and its parameters.

    **Raises:** `ValueError` when the file is damaged or no ONNX file, is older than operator set 7, or contains an
    operator that is not supported, by the operator and its node; `OSError` when it cannot be read; `ImportError`
    without the extra `onnx`. Calling the function raises `ValueError` or `TypeError` for inputs that do not fit.

    >>> import tempfile, jax, onnx
    >>> from onnx import helper
    >>> x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in "xy")
    >>> graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     onnx.save(helper.make_model(graph), f"{folder}/relu.onnx")
    ...     f, params = read_onnx(f"{folder}/relu.onnx")
    >>> f(params, jax.numpy.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    model = _load(Path(path))
    versions = {imported.domain or "ai.onnx": imported.version for imported in model.opset_import}
    opset = versions.get("ai.onnx", 0)
    if opset < _OLDEST_OPSET:
        raise ValueError(
            f"{path}: operator set {opset} is not supported, the oldest is {_OLDEST_OPSET}; convert the file with "
            "onnx.version_converter.convert_version"
        )
    graph = _graph_of(model.graph, opset, str(path))
    tensors, nodes = dict(graph.constants), []
    for node in graph.nodes:
        if node.operator == "Constant":
            tensors[node.outputs[0]] = _constant(node)
        else:
            nodes.append(node)
    fixed = _known_names(nodes)
    names = [name for name, value in tensors.items() if name not in fixed and value.ndim and _is_floating(value.dtype)]
    wide = next((name for name in names if tensors[name].dtype == np.float64), None)
    if wide is not None and not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        warnings.warn(
            f"{path}: {wide} is in float64 and is read in float32; read and call under perturbax.core.float64() to "
            "keep its precision",
            stacklevel=2,
        )
    params = {name: jnp.asarray(tensors.pop(name)) for name in names}
    inputs = tuple(_described(value) for value in model.graph.input if value.name not in graph.constants)
    outputs = tuple(_described(value) for value in model.graph.output)
    parts = inputs, outputs, _Graph(tuple(nodes), tensors, graph.results)
    return OnnxFunction(*parts, digest(parts)), params


def _load(path: Path) -> Any:
    try:
        import onnx
        import onnx.inliner
        from google.protobuf.message import DecodeError
    except ImportError:
        raise ImportError("reading ONNX files needs the extra: pip install 'perturbax[onnx]'") from None
    try:
        model = onnx.load_model_from_string(read_packed(path)) if path.suffix == ".gz" else onnx.load(path)
        if not model.graph.node and not model.graph.output:
            raise ValueError("it holds no graph")
        return onnx.inliner.inline_local_functions(model) if len(model.functions) else model
    except (DecodeError, ValueError, RuntimeError, onnx.checker.ValidationError) as error:
        raise ValueError(f"{path} is damaged or no ONNX file: {error}") from None


def _graph_of(proto: Any, opset: int, path: str) -> _Graph:
    from onnx import numpy_helper

    if proto.sparse_initializer:
        raise ValueError(f"{path}: sparse tensors ({proto.sparse_initializer[0].values.name}) are not supported")
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.initializer}
    nodes = tuple(_node_of(node, index, opset, path) for index, node in enumerate(proto.node))
    return _Graph(nodes, constants, tuple(value.name for value in proto.output))


def _node_of(proto: Any, index: int, opset: int, path: str) -> Node:
    operator = proto.op_type if proto.domain in ("", "ai.onnx") else f"{proto.domain}::{proto.op_type}"
    label = f"node {index} {proto.name!r}" if proto.name else f"node {index} that makes {proto.output[0]!r}"
    if operator not in _RULES:
        raise ValueError(
            f"{path}: operator {operator} of {label} is not supported; export the network without it (in evaluation "
            "mode, without post-processing), or cut the graph before it with onnx.utils.extract_model"
        )
    attributes = {attribute.name: _attribute(attribute, opset, path, label) for attribute in proto.attribute}
    return Node(label, operator, tuple(proto.input), tuple(proto.output), opset, attributes)


def _attribute(proto: Any, opset: int, path: str, label: str) -> Any:
    from onnx import AttributeProto, helper, numpy_helper

    if proto.type == AttributeProto.GRAPH:
        return _graph_of(proto.g, opset, path)
    if proto.type == AttributeProto.TENSOR:
        return numpy_helper.to_array(proto.t)
    if proto.name == "to":
        return helper.tensor_dtype_to_np_dtype(proto.i)
    value = helper.get_attribute_value(proto)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float | int | str):
        return value
    if isinstance(value, Iterable):
        return [item.decode() if isinstance(item, bytes) else item for item in value]
    raise ValueError(f"{path}: attribute {proto.name!r} of {label} is of a kind that is not supported")


def _constant(node: Node) -> np.ndarray:
    for name, dtype in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64)):
        if name in node.attributes:
            return np.asarray(node.attributes[name], dtype)
    if "value_ints" in node.attributes:
        return np.asarray(node.attributes["value_ints"], np.int64)
    return np.asarray(node.need("value"))


def _known_names(nodes: list[Node]) -> set[str]:
    """Names of what is needed when the function is traced, backwards through all that it is made of."""
    names: set[str] = set()
    for node in reversed(nodes):
        if names.intersection(node.outputs) and node.operator not in ("Shape", "Size"):
            names.update(node.inputs)
        names.update(node.inputs[i] for i in _KNOWN_INPUTS.get(node.operator, ()) if i < len(node.inputs))
    return names


def _is_floating(dtype: np.dtype) -> bool:
    return bool(jnp.issubdtype(dtype, jnp.floating))


def _described(proto: Any) -> OnnxValue:
    from onnx import helper

    tensor = proto.type.tensor_type
    if not proto.type.HasField("tensor_type"):
        raise ValueError(f"{proto.name} is no tensor, which is not supported")
    shape = None
    if tensor.HasField("shape"):
        # Some exporters write an axis of any length as -1 or 0.
        shape = tuple(axis.dim_value if axis.dim_value > 0 else None for axis in tensor.shape.dim)
    return OnnxValue(proto.name, shape, np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type)))


def _checked(wanted: OnnxValue, given: Any) -> Any:
    floating = _is_floating(wanted.dtype)
    stays_known = not floating and not isinstance(given, jax.Array | Tracer)
    value = np.asarray(given, wanted.dtype) if stays_known else _as_jax(given)
    if _is_floating(value.dtype) != floating:
        raise TypeError(f"input {wanted.name} must be {wanted.dtype}, got {value.dtype}")
    shape = wanted.shape
    fits = shape is None or (
        len(shape) == value.ndim and all(w in (None, s) for w, s in zip(shape, value.shape, strict=True))
    )
    if not fits:
        sizes = ", ".join("any" if size is None else str(size) for size in shape or ())
        raise ValueError(f"input {wanted.name} must have shape ({sizes}), got {tuple(value.shape)}")
    return value


def _as_jax(given: Any) -> Any:
    return given if isinstance(given, jax.Array | Tracer) else jnp.asarray(settled(np.asarray(given)))


def _evaluate(graph: _Graph, outer: Mapping[str, Any]) -> list[Any]:
    values = {**outer, **{name: settled(value) for name, value in graph.constants.items()}}
    for node in graph.nodes:
        missing = next((name for name in node.inputs if name and name not in values), None)
        if missing is not None:
            raise ValueError(f"{node.label} ({node.operator}) needs {missing!r}, which nothing before it makes")
        given = [values[name] if name else None for name in node.inputs]
        try:
            made = _if(node, values, *given) if node.operator == "If" else _RULES[node.operator](node, *given)
        except (ValueError, TypeError, IndexError) as error:
            raise ValueError(f"{node.label} ({node.operator}): {error}") from error
        values.update(zip(node.outputs, made if isinstance(made, tuple | list) else (made,), strict=False))
    return [values[name] for name in graph.results]


def _if(node: Node, values: Mapping[str, Any], condition: Any) -> Any:
    taken = bool(known("the condition", condition).item())
    return _evaluate(node.need("then_branch" if taken else "else_branch"), values)


_RULES: dict[str, Rule] = {
    **ELEMENTWISE,
    **LAYERS,
    **RECURRENT,
    **REDUCTIONS,
    **RESIZE,
    **SHAPES,
    "Constant": _constant,
    "If": _if,
}
