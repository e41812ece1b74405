"""Verdicts on safety properties against Marabou, an exact solver, and SciPy's mixed integer programs.

`python benchmarks/properties.py`. Is the label of a picture of a digit the same in a whole box around it? Each question
is asked of each solver once, in turn, in one process. The first question of a shape compiles for us; it is told apart.
"""

import importlib.metadata
import pathlib
import sys
import tempfile
import time
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import optax
from onnx import TensorProto, helper, numpy_helper

from perturbax import core, data, nn, verify

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests" / "verify"))
from exact import least

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from maraboupy import Marabou

RADII = (0.05, 0.08)
SECONDS = 60


def loss(network: Any, batch: Any, key: Any) -> Any:
    x, label = batch
    return optax.softmax_cross_entropy_with_integer_labels(network(x), label).mean()


def classifier(x: np.ndarray, label: np.ndarray) -> nn.MLP:
    """A small perceptron on digits of 8 x 8 pixels."""
    network = nn.MLP(64, (24, 24), 10, key=jax.random.key(0), activation=jax.nn.relu)
    done = core.fit(
        loss,
        network,
        (x, label),
        steps=1500,
        batch_size=128,
        optimizer=optax.adam(3e-3),
        key=jax.random.key(1),
        devices=jax.local_devices()[:1],
    )
    return done.model


def write(path: pathlib.Path, network: nn.MLP) -> None:
    tensors, nodes, value = {}, [], "x"
    for i, layer in enumerate(network.layers):
        tensors |= {f"W{i}": np.asarray(layer.weight), f"b{i}": np.asarray(layer.bias)}
        last = i == len(network.layers) - 1
        nodes.append(helper.make_node("MatMul", [value, f"W{i}"], [f"m{i}"]))
        nodes.append(helper.make_node("Add", [f"m{i}", f"b{i}"], ["y" if last else f"z{i}"]))
        value = f"a{i}"
        nodes += [] if last else [helper.make_node("Relu", [f"z{i}"], [value])]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, size]) for n, size in (("x", 64), ("y", 10))]
    graph = helper.make_graph(
        nodes, "digits", ends[:1], ends[1:], [numpy_helper.from_array(v, n) for n, v in tensors.items()]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def main() -> None:
    core.enable_compilation_cache()
    digits = data.digits()
    x = 0.5 * (np.asarray(digits.images, np.float32).reshape(-1, 64) + 1.0)
    label = np.asarray(digits.labels)
    network = classifier(x[:1500], label[:1500])
    seconds: dict[str, list[float]] = {"ours": [], "Marabou": [], "SciPy": []}
    agreed, crown, verified = 0, 0, 0
    options = Marabou.createOptions(verbosity=0, timeoutInSeconds=SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "digits.onnx"
        write(path, network)
        questions = [(radius, i) for radius in RADII for i in range(1500, 1512)]
        for count, (radius, i) in enumerate(questions):
            lower, upper = x[i].astype(np.float64) - radius, x[i].astype(np.float64) + radius
            rows = np.asarray(verify.margins(int(label[i]), 10), np.float64)
            start = time.perf_counter()
            problem = verify.Verification(network, verify.misclassified(lower, upper, int(label[i]), 10))
            verdict = verify.verify(problem, verify.ActivationSplitting(seconds=SECONDS), key=jax.random.key(0))
            took = time.perf_counter() - start
            if count == 0:
                print(f"first question, with compilation: {took:.1f} s")
                took = verify.verify(problem, verify.ActivationSplitting(seconds=SECONDS), key=jax.random.key(0)).stats[
                    "seconds"
                ]
            seconds["ours"].append(took)
            start = time.perf_counter()
            marabou = Marabou.read_onnx(str(path))
            _, _, other = marabou.evaluateLocalRobustness(
                x[i][None], radius, int(label[i]), verbose=False, options=options
            )
            seconds["Marabou"].append(time.perf_counter() - start)
            start = time.perf_counter()
            exact = min(least(network, row, lower, upper) for row in rows)
            seconds["SciPy"].append(time.perf_counter() - start)
            theirs = "verified" if other is None or other == -1 else "falsified"
            truth = "verified" if exact > 0 else "falsified"
            agreed += verdict.status == theirs == truth
            verified += truth == "verified"
            box = verify.Box(lower.astype(np.float32), upper.astype(np.float32))
            crown += bool(np.all(verify.bound(network, box, verify.CROWN(), specification=jnp.asarray(rows)).lower > 0))
            print(
                f"radius {radius}, picture {i}: {verdict.status}, Marabou {theirs}, exact margin {exact:.3g}",
                flush=True,
            )
    print(f"{agreed} of {len(questions)} verdicts agree; {verified} are verified, {crown} of them by CROWN alone")
    for name, package in (("Marabou", "maraboupy"), ("SciPy", "scipy")):
        ratio = np.array(seconds[name]) / np.array(seconds["ours"])
        print(
            f"64-24-24-10: {package} {importlib.metadata.version(package)} takes {np.median(ratio):.1f}x ours by the "
            f"median, {sum(seconds[name]) / sum(seconds['ours']):.1f}x in all ({sum(seconds['ours']):.1f} s)"
        )


if __name__ == "__main__":
    main()
