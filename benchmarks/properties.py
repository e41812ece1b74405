"""Verdicts on safety properties against Marabou, an exact solver, and SciPy's mixed integer programs.

`python benchmarks/properties.py`. Is the label of a picture of a digit the same in a whole box around it? Each question
is asked of each solver once, in turn, in one process. Compilation is told apart.
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

RADII = (0.04, 0.06)
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


def decide(network: nn.MLP, x: np.ndarray, label: int, radius: float) -> verify.Verdict:
    lower, upper = x.astype(np.float64) - radius, x.astype(np.float64) + radius
    problem = verify.Verification(network, verify.misclassified(lower, upper, int(label), 10))
    return verify.verify(problem, verify.ActivationSplitting(seconds=SECONDS), key=jax.random.key(0))


def by_marabou(path: pathlib.Path, x: np.ndarray, label: int, radius: float) -> str:
    """Is there a class with a score above that of the label? One query for each, until one has an answer."""
    for other in range(10):
        if other == label:
            continue
        network = Marabou.read_onnx(str(path))
        for variable, value in zip(network.inputVars[0].ravel(), x, strict=True):
            network.setLowerBound(variable, float(value) - radius)
            network.setUpperBound(variable, float(value) + radius)
        scores = network.outputVars[0].ravel()
        network.addInequality([scores[label], scores[other]], [1.0, -1.0], 0.0)
        options = Marabou.createOptions(verbosity=0, timeoutInSeconds=SECONDS)
        word, _, _ = network.solve(verbose=False, options=options)
        if word != "unsat":
            return "falsified" if word == "sat" else "unknown"
    return "verified"


def main() -> None:
    core.enable_compilation_cache()
    digits = data.digits()
    x = 0.5 * (np.asarray(digits.images, np.float32).reshape(-1, 64) + 1.0)
    label = np.asarray(digits.labels)
    network = classifier(x[:1500], label[:1500])
    seconds: dict[str, list[float]] = {"ours": [], "Marabou": [], "SciPy": []}
    agreed, crown, verified = 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "digits.onnx"
        write(path, network)
        start = time.perf_counter()
        decide(network, x[1501], label[1501], 1e-3)
        print(f"compilation: {time.perf_counter() - start:.1f} s, the first time on a machine")
        questions = [(radius, i) for radius in RADII for i in range(1500, 1512)]
        for radius, i in questions:
            lower, upper = x[i].astype(np.float64) - radius, x[i].astype(np.float64) + radius
            rows = np.asarray(verify.margins(int(label[i]), 10), np.float64)
            start = time.perf_counter()
            verdict = decide(network, x[i], label[i], radius)
            took = time.perf_counter() - start
            seconds["ours"].append(took)
            start = time.perf_counter()
            theirs = by_marabou(path, x[i], int(label[i]), radius)
            seconds["Marabou"].append(time.perf_counter() - start)
            start = time.perf_counter()
            exact = min(least(network, row, lower, upper) for row in rows)
            seconds["SciPy"].append(time.perf_counter() - start)
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
