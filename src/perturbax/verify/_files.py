"""A verification from the files of the competition: a network as ONNX, a property as VNN-LIB."""

import importlib.util
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core import float64
from ..interop import onnxruntime_function, read_onnx, read_vnnlib
from ._query import Verification


def read_verification(network: str | os.PathLike[str], property: str | os.PathLike[str]) -> Verification:
    """The problem of a network in an ONNX file and a property in a VNN-LIB file of version 1.

    `X_i` and `Y_j` are the elements of the input and the output in C order; axes of any length have length 1. Where
    onnxruntime is installed, a counterexample has to be one for it too.

    **Arguments:** `network`: path of an `.onnx` file with one input and one output; `property`: path of a `.vnnlib` or
    `.vnnlib.gz` file.

    **Returns:** a `Verification`.

    **Raises:** `ValueError` for files that cannot be read or do not fit together, `OSError`, and `ImportError` without
    the extra `onnx`.

    >>> import pathlib, tempfile, onnx
    >>> from onnx import helper
    >>> x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy")
    >>> graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    >>> text = "(declare-const X_0 Real) (declare-const Y_0 Real)"
    >>> text += "(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (<= Y_0 -0.1))"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     onnx.save(helper.make_model(graph, ir_version=8), f"{folder}/relu.onnx")
    ...     _ = pathlib.Path(folder, "a.vnnlib").write_text(text)
    ...     problem = read_verification(f"{folder}/relu.onnx", f"{folder}/a.vnnlib")
    >>> problem.shape
    (1,)
    """
    with float64():  # a file in float64 is read in float64
        f, params = read_onnx(network)
    prop = read_vnnlib(property)
    path = os.fspath(network)
    if len(f.inputs) != 1 or len(f.outputs) != 1 or not jnp.issubdtype(f.inputs[0].dtype, np.floating):
        raise ValueError(f"{path} must have one floating input and one output, got {f.inputs} and {f.outputs}")
    shape: Any = f.inputs[0].shape
    shape = (prop.inputs,) if shape is None else tuple(size or 1 for size in shape)
    if int(np.prod(shape)) != prop.inputs:
        raise ValueError(
            f"{path} has an input of shape {shape}, but {os.fspath(property)} is about {prop.inputs} inputs"
        )
    original = onnxruntime_function(network) if importlib.util.find_spec("onnxruntime") else None
    return Verification(jax.tree_util.Partial(f, params), prop, shape, original=original)
