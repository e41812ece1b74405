"""Files in the form of the ACAS Xu benchmark of the competition: operator set 8, input (1, 1, 1, 5), Sub, Flatten, and
pairs of MatMul and Add."""

import equinox as eqx
import jax
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from perturbax import nn

WIDTH = 0.05


def network(hidden, seed=0):
    """A network of five inputs and outputs, with biases."""
    net = nn.MLP(5, hidden, 5, key=jax.random.key(seed), activation=jax.nn.relu)
    rng = np.random.default_rng(seed)
    biases = [rng.normal(size=layer.bias.shape).astype(np.float32) / 4 for layer in net.layers]
    return eqx.tree_at(lambda net: [layer.bias for layer in net.layers], net, biases)


def write_network(path, net, mean):
    """The network of `x - mean`."""
    tensors = {"mean": np.float32(mean).reshape(1, 1, 1, 5)}
    nodes = [helper.make_node("Sub", ["x", "mean"], ["c"]), helper.make_node("Flatten", ["c"], ["h0"], axis=1)]
    for i, layer in enumerate(net.layers):
        tensors |= {f"W{i}": np.asarray(layer.weight), f"b{i}": np.asarray(layer.bias)}
        last = i == len(net.layers) - 1
        nodes += [
            helper.make_node("MatMul", [f"h{i}", f"W{i}"], [f"m{i}"]),
            helper.make_node("Add", [f"m{i}", f"b{i}"], ["y" if last else f"z{i}"]),
        ]
        if not last:
            nodes.append(helper.make_node("Relu", [f"z{i}"], [f"h{i + 1}"]))
    graph = helper.make_graph(
        nodes,
        "acas",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 8)], ir_version=3), path)


def write_property(path, lower, upper, assertion):
    """A box of inputs and one assertion on the outputs."""
    lines = [f"(declare-const {name}_{i} Real)" for name in "XY" for i in range(5)]
    for i, (low, high) in enumerate(zip(lower, upper, strict=True)):
        lines += [f"(assert (>= X_{i} {low!r}))", f"(assert (<= X_{i} {high!r}))"]
    path.write_text("\n".join([*lines, f"(assert {assertion})"]))
