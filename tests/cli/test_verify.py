"""`perturbax verify`: networks and properties from files, verdicts as exit codes and files."""

import gzip
import json

import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from perturbax import interop, verify
from perturbax.cli import main

from ..verify import acas
from ..verify.exact import least

MEAN = np.array([0.5, -0.25, 0.0, 0.125, 1.0])
LOWER, UPPER = MEAN - acas.WIDTH, MEAN + acas.WIDTH
QUICK = ("--timeout", 100, "--batch", 8)


@pytest.fixture(scope="module")
def question(tmp_path_factory):
    """A network in a folder, and the least value of an output on the box."""
    folder, net = tmp_path_factory.mktemp("acas"), acas.network((4, 4, 4))
    acas.write_network(folder / "net.onnx", net, MEAN)
    exact = least(net, np.array([0.0, 0.0, 1.0, 0.0, 0.0]), LOWER - MEAN, UPPER - MEAN)
    for name, threshold in {"safe": exact - 1e-2, "unsafe": exact + 1e-2}.items():
        assertion = f"(or (<= Y_2 {float(threshold)!r}) (and (>= Y_0 1000) (<= Y_1 0)))"
        acas.write_property(folder / f"{name}.vnnlib", LOWER.tolist(), UPPER.tolist(), assertion)
    return folder


def run(*arguments):
    return main(["verify", *map(str, arguments)])


@pytest.mark.parametrize("method", ["auto", pytest.param("activations", marks=pytest.mark.slow)])
def test_there_is_no_counterexample(question, tmp_path, capsys, method):
    out = tmp_path / "result.txt"
    arguments = (question / "net.onnx", question / "safe.vnnlib", "--out", out, "--method", method)
    assert run(*arguments, *QUICK, "--json") == 20
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["result"], told["open"], told["proved"]) == ("verified", "unsat", 0, 1.0)
    assert told["method"] == {"auto": "inputs"}.get(method, method)
    assert told["evaluations"] > 1
    assert out.read_text() == "unsat"


def test_a_counterexample_is_one_for_onnxruntime(question, tmp_path, capsys):
    out = tmp_path / "result.txt"
    assert run(question / "net.onnx", question / "unsafe.vnnlib", "-o", out, *QUICK) == 10
    assert capsys.readouterr().out == "falsified\n"
    first, *rest = out.read_text().splitlines()
    assert first == "sat"
    values = dict(line.strip(" ()").split() for line in rest)
    x = np.array([float(values[f"X_{i}"]) for i in range(5)])
    y = interop.onnxruntime_function(question / "net.onnx")(x.reshape(1, 1, 1, 5))
    assert interop.read_vnnlib(question / "unsafe.vnnlib").violated(x, y)
    np.testing.assert_allclose([float(values[f"Y_{i}"]) for i in range(5)], y[0], rtol=1e-5)


def test_a_timeout_is_told_and_a_checkpoint_goes_on(question, tmp_path, capsys):
    out, kept = tmp_path / "result.txt", tmp_path / "search.npz"
    arguments = (question / "net.onnx", question / "safe.vnnlib", "--out", out, "--checkpoint", kept, "--batch", 8)
    assert run(*arguments, "--timeout", 1e-9) == 0
    assert capsys.readouterr().out == "unknown: the time limit of 1e-09 s\n"
    assert out.read_text() == "timeout"
    assert kept.exists()
    assert run(*arguments, "--timeout", 100) == 20
    assert not kept.exists()


@pytest.mark.slow
def test_a_network_of_the_size_of_the_benchmark(tmp_path):
    net = acas.network((50,) * 6, seed=1)
    acas.write_network(tmp_path / "net.onnx", net, MEAN)
    rng = np.random.default_rng(0)
    x = rng.uniform(-acas.WIDTH, acas.WIDTH, (20_000, 5)).astype(np.float32)
    outputs = np.asarray(net(jnp.asarray(x)))
    for threshold, code in ((outputs[:, 2].min() - 0.3, 20), (outputs[:, 2].min(), 10)):
        acas.write_property(tmp_path / "a.vnnlib", LOWER.tolist(), UPPER.tolist(), f"(<= Y_2 {float(threshold)!r})")
        assert run(tmp_path / "net.onnx", tmp_path / "a.vnnlib", "--timeout", 300) == code


class TestFolder:
    """Networks and properties in the layout of the competition."""

    def test_every_instance_gets_a_row_and_none_is_done_twice(self, question, tmp_path, capsys):
        out = tmp_path / "results.csv"
        (question / "packed.onnx.gz").write_bytes(gzip.compress((question / "net.onnx").read_bytes()))
        (question / "instances.csv").write_text(
            "net.onnx,safe.vnnlib,100\npacked.onnx,unsafe.vnnlib,100\nnone,none,1\n"
        )
        assert run(question, "-o", out, "--batch", 8, "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert told["results"] == {"unsat": 1, "sat": 1, "error": 1}
        lines = out.read_text().splitlines()
        assert lines[0] == "network,property,result,seconds,reason"
        assert [line.split(",")[:3] for line in lines[1:3]] == [
            ["net.onnx", "safe.vnnlib", "unsat"],
            ["packed.onnx", "unsafe.vnnlib", "sat"],
        ]
        assert "none" in lines[3]
        assert run(question, "-o", out, "--timeout", 1e-9) == 0  # nothing is left to run out of time
        assert out.read_text().splitlines() == lines
        assert capsys.readouterr().out.strip().endswith("results.csv")

    @pytest.mark.parametrize(
        ("content", "said"),
        [(None, "has no instances.csv"), ("net.onnx,safe.vnnlib", "line 1 must be network,property,seconds")],
    )
    def test_what_is_wrong_with_a_folder_is_told(self, tmp_path, monkeypatch, capsys, content, said):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "folder").mkdir()
        if content is not None:
            (tmp_path / "folder" / "instances.csv").write_text(content)
        assert run("folder") == 2
        assert said in capsys.readouterr().err
        assert run("folder", "safe.vnnlib") == 2
        assert "PROPERTY and --checkpoint must not be given" in capsys.readouterr().err

    def test_a_table_of_something_else_is_kept(self, question, tmp_path, capsys):
        (tmp_path / "other.csv").write_text("a,b\n1,2\n")
        assert run(question, "-o", tmp_path / "other.csv") == 2
        assert "is no table of results" in capsys.readouterr().err


class TestBadInput:
    """Told in one line, with exit code 2."""

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("net.onnx",), "PROPERTY must be given"),
            (("none.onnx", "safe.vnnlib"), "NETWORK: there is no file none.onnx"),
            (("net.onnx", "none.vnnlib"), "PROPERTY: there is no file none.vnnlib"),
            (("safe.vnnlib", "safe.vnnlib"), "safe.vnnlib is damaged or no ONNX file"),
            (("net.onnx", "net.onnx"), "net.onnx: line"),
            (("net.onnx", "few.vnnlib"), "has an input of shape (1, 1, 1, 5), but few.vnnlib is about 1 inputs"),
            (("two.onnx", "few.vnnlib"), "two.onnx must have one floating input and one output"),
            (("net.onnx", "safe.vnnlib", "--method", "magic"), "--method must be one of auto, inputs, activations"),
            (("net.onnx", "safe.vnnlib", "--out", "none/result.txt"), "--out none/result.txt lies in a folder"),
            (("net.onnx", "safe.vnnlib", "--timeout", "0"), "seconds must be"),
        ],
    )
    def test_is_named(self, question, monkeypatch, capsys, arguments, said):
        monkeypatch.chdir(question)
        text = (
            "(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= 0 X_0))(assert (<= X_0 1))(assert (<= Y_0 0))"
        )
        (question / "few.vnnlib").write_text(text)
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xyz"]
        graph = helper.make_graph([helper.make_node("Add", ["x", "y"], ["z"])], "g", values[:2], values[2:])
        onnx.save(helper.make_model(graph, ir_version=8), "two.onnx")
        assert run(*arguments) == 2
        assert said in capsys.readouterr().err

    def test_without_onnxruntime_a_note_says_what_is_not_checked(self, question, monkeypatch, capsys):
        monkeypatch.setattr("perturbax.verify._files.importlib.util.find_spec", lambda name: None)
        assert run(question / "net.onnx", question / "unsafe.vnnlib", *QUICK) == 10
        assert "onnxruntime is not installed" in capsys.readouterr().err


def test_files_make_a_problem_of_the_shape_of_the_network(question):
    problem = verify.read_verification(question / "net.onnx", question / "safe.vnnlib")
    assert problem.shape == (1, 1, 1, 5)
    assert problem.original is not None
    x = MEAN.reshape(problem.shape)
    np.testing.assert_allclose(np.asarray(problem.f(x.astype(np.float32))), problem.original(x), rtol=1e-5, atol=1e-6)
