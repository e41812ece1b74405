"""Small ONNX graphs made in memory, and onnxruntime's answer to them."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from perturbax import interop


def make_node(operator, inputs, outputs, **attributes):
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def make_model(nodes, inputs, outputs, tensors=None, opset=17, free=()):
    """A model; `inputs` by name as example arrays, with axes of any length for the names in `free`."""
    shapes = {name: [None] * array.ndim if name in free else array.shape for name, array in inputs.items()}
    graph = helper.make_graph(
        nodes,
        "graph",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shapes[name])
            for name, array in inputs.items()
        ],
        [helper.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (tensors or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    for output in model.graph.output:
        if output.type.WhichOneof("value") is None:
            output.type.tensor_type.elem_type = TensorProto.FLOAT
    return model


def answers(model, inputs):
    """What onnxruntime computes, by the name of the output."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def read(model, folder):
    """The function and the parameters of a model that is written to a file."""
    onnx.save(model, folder / "model.onnx")
    return interop.read_onnx(folder / "model.onnx")


def by_name(function, results):
    """The results of a function by the name of the output."""
    results = results if isinstance(results, tuple) else (results,)
    return {value.name: np.asarray(result) for value, result in zip(function.outputs, results, strict=True)}
