"""ONNX files run by onnxruntime, as a second opinion on what `read_onnx` made of them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ._packed import read_packed


def onnxruntime_function(path: str | os.PathLike[str]) -> Callable[..., Any]:
    """A function of NumPy arrays that runs an ONNX file with onnxruntime on the CPU.

    **Arguments:** `path`: of the file.

    **Returns:** `f(*inputs)`, which casts each input to the dtype of the file; one array, or a tuple when the file has
    several outputs.

    **Raises:** `ImportError` when onnxruntime is not installed; `ValueError` when it cannot load the file.

    >>> import tempfile, onnx
    >>> from onnx import helper
    >>> x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in "xy")
    >>> graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     onnx.save(helper.make_model(graph, ir_version=8), f"{folder}/relu.onnx")
    ...     onnxruntime_function(f"{folder}/relu.onnx")([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """
    try:
        import onnxruntime
    except ImportError:
        raise ImportError("onnxruntime is not installed: pip install onnxruntime") from None
    try:
        # By its name where that is a plain file, since external data lies beside it.
        model = read_packed(Path(path)) if os.fspath(path).endswith(".gz") else os.fspath(path)
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no base class of their own
        raise ValueError(f"onnxruntime cannot load {os.fspath(path)}: {error}") from None
    dtypes = {value.name: _DTYPES.get(value.type, np.float32) for value in session.get_inputs()}

    def run(*inputs: Any) -> Any:
        given = {name: np.asarray(x, dtype) for (name, dtype), x in zip(dtypes.items(), inputs, strict=True)}
        results = session.run(None, given)
        return results[0] if len(results) == 1 else tuple(results)

    return run


_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
