"""`perturbax optimize quantize`: a network of a user in, a file of integers out, and wrong command lines."""

import json

import jax
import numpy as np
import pytest

from perturbax import optimize
from perturbax.cli import main

RNG = np.random.default_rng(0)
PARAMS = {"w": RNG.normal(size=(4, 6)).astype(np.float32), "v": RNG.normal(size=(6, 3)).astype(np.float32)}
X = RNG.normal(size=(32, 4)).astype(np.float32)
Y = np.arange(32) % 3
MODULE = "import jax\n\n\ndef apply(params, x):\n    return jax.nn.relu(x @ params['w']) @ params['v']\n"
NAME = "two_layers_21"


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{NAME}.py").write_text(MODULE)
    np.savez("p.npz", **PARAMS)
    np.savez("d.npz", inputs=X, targets=Y)
    np.savez("unlabelled.npz", inputs=X)
    np.savez("empty.npz", rows=X)
    (tmp_path / "device.csv").write_text("layer,bits,ms\n" + "".join(f"{n},{b},{b}\n" for n in "wv" for b in (4, 8)))
    return tmp_path


def run(*arguments, model=f"{NAME}:apply", params="p.npz", data="d.npz", out="q.npz"):
    given = {"--model": model, "--params": params, "--data": data, "--out": out}
    options = [text for pair in given.items() if pair[1] is not None for text in pair]
    return main(["optimize", "quantize", *map(str, [*options, *arguments])])


@pytest.mark.slow
def test_the_file_is_the_network_in_integers(files, capsys):
    assert run("--free", "--budget", "size=0.5", "--probes", 2, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert sorted(report["bits"]) == ["v", "w"]
    assert report["size"] <= 0.75 * (24 + 18)
    assert report["float32_size"] == 4 * (24 + 18)
    quantized = optimize.load_quantized("q.npz")
    assert quantized.bits == report["bits"]
    exact = jax.nn.relu(X @ PARAMS["w"]) @ PARAMS["v"]
    deviation = np.sqrt(np.mean((quantized(X) - exact) ** 2) / np.mean(exact**2))
    assert report["relative_deviation"] == pytest.approx(deviation, rel=1e-3)
    assert deviation < 0.2


def test_an_onnx_file_and_a_table_of_latencies(files, capsys):
    onnx = pytest.importorskip("onnx")
    nodes = [
        onnx.helper.make_node("Gemm", ["x", "w"], ["h"]),
        onnx.helper.make_node("Relu", ["h"], ["r"]),
        onnx.helper.make_node("Gemm", ["r", "v"], ["y"]),
    ]
    values = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["n", k]) for n, k in (("x", 4), ("y", 3))]
    arrays = [onnx.numpy_helper.from_array(array, name) for name, array in PARAMS.items()]
    graph = onnx.helper.make_graph(nodes, "two", values[:1], values[1:], arrays)
    onnx.save(onnx.helper.make_model(graph), "two.onnx")
    limits = ["--budget", "latency=13", "--latencies", "device.csv", "--free"]
    assert run(*limits, "--method", "divergence", model="two.onnx", params=None, data="unlabelled.npz") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "DivergenceBits: 2 layers" in said
    assert sorted(optimize.load_quantized("q.npz").bits.values()) == [4, 8]


@pytest.mark.parametrize(
    ("arguments", "files_given", "message"),
    [
        ([], {}, "--budget must say what the network may cost"),
        (["--budget", "weight=0.5"], {}, "--budget must be one of size, bit_operations, latency with a number"),
        (["--budget", "size=small"], {}, "got 'size=small'"),
        (["--budget", "size=1.5"], {}, "size must be at least 42"),
        (["--budget", "latency=1"], {}, "latency and latencies must be given together"),
        (["--budget", "latency=1", "--latencies", "none.csv"], {}, "--latencies: there is no file none.csv"),
        (["--budget", "size=0.5"], {"data": "unlabelled.npz"}, "targets must be given"),
        (["--budget", "size=0.5"], {"data": "empty.npz"}, "empty.npz must hold inputs, it has rows"),
        (["--budget", "size=0.5"], {"params": None}, "--params must name the file"),
        (["--budget", "size=0.5"], {"params": "none.npz"}, "--params: there is no file none.npz"),
        (["--budget", "size=0.5"], {"model": "none.onnx"}, "--params is not for .onnx files"),
        (["--budget", "size=0.5"], {"model": "none.onnx", "params": None}, "--model: there is no file none.onnx"),
        (
            ["--budget", "size=0.5"],
            {"out": "nowhere/q.npz"},
            "lies in a folder that does not exist",
        ),
        (["--method", "best"], {}, "--method must be one of hawq, divergence"),
        (["--method", "uniform", "--bits", "four"], {}, "--bits must be widths such as 4,8"),
        (["--method", "uniform", "--bits", "1"], {}, "must be an integer in [2, 8], got 1"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(files, capsys, arguments, files_given, message):
    assert run(*arguments, **files_given) == 2
    assert message in " ".join(capsys.readouterr().err.split())
