"""Networks in integers against onnxruntime's static quantisation, and what the bits of HAWQ-V3 cost to find.

`python benchmarks/quantization.py`. An MLP on MNIST, trained here; the same weights, calibration data and test images
in one process; onnxruntime has one thread, XLA its own. What is compared runs in turn, and medians are printed.
"""

import contextlib
import io
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
from onnxruntime import quantization as peer

from perturbax import core, optimize
from perturbax.optimize._bit_allocation import allocate
from perturbax.studies._quantized_networks import digits, train

CALIBRATION, REPEATS = 1000, 9


def medians(calls: dict[str, Callable[[], Any]], repeats: int = REPEATS) -> dict[str, float]:
    """Seconds of each call, taken in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        jax.block_until_ready(call())
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            jax.block_until_ready(call())
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def write_onnx(model: Any, path: Path) -> None:
    """The MLP as a graph of Gemm and Relu."""
    nodes, arrays, value = [], [], "x"
    for i, layer in enumerate(model.layers):
        last = i == len(model.layers) - 1
        nodes.append(onnx.helper.make_node("Gemm", [value, f"w{i}", f"b{i}"], ["y" if last else f"h{i}"]))
        if not last:
            nodes.append(onnx.helper.make_node("Relu", [f"h{i}"], [f"r{i}"]))
        pair = ((f"w{i}", layer.weight), (f"b{i}", layer.bias))
        arrays += [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in pair]
        value = f"r{i}"
    ends = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["n", k]) for n, k in (("x", 784), ("y", 10))]
    graph = onnx.helper.make_graph(nodes, "mlp", ends[:1], ends[1:], arrays)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]), path)


class Reader(peer.CalibrationDataReader):
    """The calibration data as onnxruntime takes them."""

    def __init__(self, x: np.ndarray):
        self._batches = iter([{"x": part} for part in np.array_split(x, 4)])

    def get_next(self) -> Any:
        return next(self._batches, None)


def session(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    run = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda x: run.run(None, {"x": x})[0]


def inference(model: Any, x: Any, x_test: Any, labels_test: np.ndarray, folder: Path) -> None:
    """Accuracy, time of calibration, time of inference, and size."""
    write_onnx(model, folder / "float.onnx")
    calibration, images = np.asarray(x), np.asarray(x_test)

    def quantise() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            peer.quantize_static(
                folder / "float.onnx",
                folder / "int8.onnx",
                Reader(calibration),
                quant_format=peer.QuantFormat.QDQ,
                per_channel=True,
                activation_type=peer.QuantType.QUInt8,
                weight_type=peer.QuantType.QInt8,
            )

    def ours() -> Any:
        problem = optimize.QuantizationProblem(model, x)
        return optimize.quantize(problem, optimize.UniformBits(8), key=jax.random.key(0))

    taken = medians({"ours": lambda: ours().steps, "onnxruntime": quantise}, repeats=3)
    print(
        f"calibration on {len(calibration)} images and conversion: ours {taken['ours']:.2f} s, onnxruntime "
        f"{onnxruntime.__version__} {taken['onnxruntime']:.2f} s: {taken['onnxruntime'] / taken['ours']:.1f}x as fast"
    )
    quantized, floats, integers = ours(), session(folder / "float.onnx"), session(folder / "int8.onnx")
    codes, plain = quantized.encode(x_test), jax.jit(jax.vmap(model))
    classes = {
        "float32": np.asarray(plain(x_test)).argmax(1),
        "ours": np.asarray(optimize.integer_apply(quantized, codes)).argmax(1),
        "onnxruntime": integers(images).argmax(1),
    }
    for name, found in classes.items():
        print(
            f"accuracy, {name}: {100 * np.mean(found == labels_test):.1f} % "
            f"({100 * np.mean(found == classes['float32']):.1f} % as in float32)"
        )
    calls = {
        "ours in integers": lambda: optimize.integer_apply(quantized, codes),
        "onnxruntime in int8": lambda: integers(images),
        "XLA in float32": lambda: plain(x_test),
        "onnxruntime in float32": lambda: floats(images),
    }
    taken = medians(calls)
    for name, seconds in taken.items():
        print(f"{len(images)} images, {name}: {1e3 * seconds:.2f} ms")
    ratio = taken["onnxruntime in int8"] / taken["ours in integers"]
    slow = taken["XLA in float32"] / taken["ours in integers"]
    print(
        f"ours over onnxruntime in int8: {ratio:.2f}x as fast; over XLA in float32: {slow:.2f}x as fast. XLA has no "
        "vectorised product of integers of 8 bits on a CPU, and multiplies them one by one"
    )
    optimize.save_quantized(folder / "ours.npz", quantized)
    sizes = {name: (folder / name).stat().st_size for name in ("float.onnx", "int8.onnx", "ours.npz")}
    print("bytes: " + ", ".join(f"{name} {size:,}" for name, size in sizes.items()))


def allocation(model: Any, x: Any, labels: Any) -> None:
    """A probe of the Hessian in gradients, and the linear program."""
    problem = optimize.QuantizationProblem(model, x, labels, bits=(4, 8), fixed={})
    gradient = jax.jit(jax.grad(lambda weights: problem.mean_loss(weights)))
    method = optimize.Hawq(trace_probes=16, tolerance=0.0)
    taken = medians(
        {
            "probes": lambda: method.perturbation(problem, jax.random.key(0))[0],
            "gradient": lambda: gradient(problem.weights),
        },
        repeats=3,
    )
    print(
        f"a probe costs {taken['probes'] / 16 / taken['gradient']:.1f} gradients (wanted 3), all layers of the network "
        f"at once; 16 probes on {len(x)} images {taken['probes']:.2f} s"
    )
    random = np.random.default_rng(0)
    omega = np.sort(10.0 ** random.uniform(-8.0, 0.0, (60, 2)), axis=1)[:, ::-1]
    cost = random.integers(1000, 100_000, (60, 1)) * np.array([[4.0, 8.0]])
    limit, free = {"size": float(cost.mean(1).sum())}, np.ones((60, 2), bool)
    seconds = medians({"program": lambda: allocate(omega, {"size": cost}, limit, free)})["program"]
    print(f"the linear program for 60 layers: {1e3 * seconds:.0f} ms (wanted 50)")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    core.enable_compilation_cache()
    x, labels, x_test, labels_test = digits(4000)
    model = train("mlp", 12, 4000, jax.random.key(0))
    part = np.linspace(0, len(x) - 1, CALIBRATION).astype(int)
    with tempfile.TemporaryDirectory() as name:
        inference(model, x[part], x_test, labels_test, Path(name))
    allocation(model, x[part], jnp.asarray(labels[part]))
