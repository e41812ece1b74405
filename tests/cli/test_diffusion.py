"""`perturbax diffusion`: samples in a file, interrupted and resumed runs, comparisons, and wrong command lines."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from perturbax import core, diffusion
from perturbax.cli import main
from perturbax.cli._choices import build_method, methods, predictions, processes
from perturbax.cli._pictures import sheet

_MODELS = '''
import os
import numpy as np
from perturbax.diffusion import VPLinear

process = VPLinear()
calls = 0


def gaussian(x, t):
    """The exact noise prediction of data N(0, 1/4)."""
    return process.sigma(t) * x / (0.25 * process.alpha(t) ** 2 + process.sigma(t) ** 2)


def counted(x, t):
    global calls
    calls += 1
    if calls == int(os.environ.get("KILLED_AT", -1)):
        os.kill(os.getpid(), 9)
    return gaussian(x, t)


def shifted(x, t, label):
    """The noise prediction of a point mass at the label."""
    label = label.reshape((-1,) + (1,) * (x.ndim - 1))
    return (x - process.alpha(t) * label) / process.sigma(t)


def broken(x, t):
    return x + float("nan")


def wrong_shape(x, t):
    return x[..., :1]


class Network:
    pass


number = 3
'''

_NUMPY = ("--framework", "numpy", "--shape", "2,2", "--nfe", "5")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a module of models, which is the current one."""
    (tmp_path / "own.py").write_text(_MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "own", raising=False)
    yield tmp_path
    sys.modules.pop("own", None)


def sample(*arguments):
    return main(["diffusion", "sample", *map(str, arguments)])


def stored(path):
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_samples_of_an_own_model_have_its_distribution_and_come_with_their_settings(here, capsys):
    assert sample("--model", "own:gaussian", "--shape", "16", "--num-samples", 200, "--batch", 200, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    arrays = stored(here / "samples.npz")
    assert arrays["x"].shape == (200, 16)
    assert arrays["x"].dtype == np.float32
    assert abs(arrays["x"].std() - 0.5) < 0.02
    assert arrays["evaluations"].tolist() == report["evaluations"] == [20]
    kept = json.loads(str(arrays["settings"]))
    assert kept["num_samples"] == 200
    assert kept["model"].startswith("own:gaussian ")
    assert not (here / "samples.npz.partial").exists()


def test_the_reference_mixture_gives_digits_of_the_wanted_class(here):
    from perturbax.data import digits_mixture

    labels = [0, 3, 7]
    assert sample("--model", "digits-mixture", "--condition", "0,3,7", "--nfe", 8, "--png", "grid.png") == 0
    arrays = stored(here / "samples.npz")
    assert arrays["condition"].tolist() == labels
    found = digits_mixture().log_responsibilities(arrays["x"].reshape(3, 64)).argmax(-1)
    assert found.tolist() == labels
    picture = np.asarray(Image.open(here / "grid.png"))
    assert picture.ndim == 2
    assert picture.std() > 20


@pytest.mark.parametrize("process", ["vp-linear", "vp-cosine", "ve", "edm", "flow", "discrete:table.npy"])
def test_a_reference_denoiser_serves_every_process(here, process):
    np.save("table.npy", np.cumprod(1 - np.linspace(1e-4, 2e-2, 1000)))
    # A large noise level forgets the start, whatever the process: the same digit comes out of all of them.
    assert sample("--model", "digits-mixture", "--process", process, "--condition", 3, "--nfe", 12) == 0
    from perturbax.data import digits_mixture

    x = stored(here / "samples.npz")["x"].reshape(1, 64)
    assert int(digits_mixture().log_responsibilities(x).argmax()) == 3
    assert np.abs(x).max() < 2


@pytest.mark.parametrize(
    "method", [(), ("--method", "ddpm"), ("--stochastic", 1)], ids=["deterministic", "ancestral", "SDE"]
)
def test_a_sample_does_not_depend_on_the_batch_or_on_the_framework(here, method):
    for name, more in {
        "a": ("--batch", 2, "--framework", "numpy"),
        "b": ("--batch", 5, "--framework", "numpy"),
        "c": ("--framework", "jax"),
    }.items():
        own = ("--model", "own:gaussian", "--shape", "3", "--num-samples", 5, *method)
        assert sample(*own, "--out", f"{name}.npz", *more) == 0
    a, b, c = (stored(here / f"{name}.npz")["x"] for name in "abc")
    np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(a, c, atol=1e-5)


def test_a_torch_network_can_be_sampled(here):
    pytest.importorskip("torch")
    (here / "foreign.py").write_text(
        "import torch\nnetwork = torch.nn.Linear(3, 3)\n\ndef model(x, t):\n    return network(x) * 0.0 + x\n"
    )
    try:
        assert sample("--model", "foreign:model", "--framework", "torch", "--shape", 3, "--num-samples", 4) == 0
    finally:
        sys.modules.pop("foreign", None)
    assert np.isfinite(stored(here / "samples.npz")["x"]).all()


def test_guidance_and_conditions_are_used_in_turn(here):
    own = ("--model", "own:shifted", "--shape", 2, "--num-samples", 4, "--condition", "1,2", "--nfe", 6)
    assert sample(*own) == 0
    np.testing.assert_allclose(stored(here / "samples.npz")["x"][:, 0], [1, 2, 1, 2], atol=1e-4)
    # A guided point mass: 0 + 3 (label - 0).
    assert sample(*own, "--unconditional", 0, "--guidance", 3) == 0
    np.testing.assert_allclose(stored(here / "samples.npz")["x"][:, 0], [3, 6, 3, 6], atol=1e-3)
    assert sample(*own, "--unconditional", 0, "--guidance", 3, "--threshold", "clip") == 0
    np.testing.assert_allclose(stored(here / "samples.npz")["x"][:, 0], [1, 1, 1, 1], atol=1e-4)


def test_image_to_image_stays_near_its_pictures_when_it_starts_late(here):
    from perturbax.data import digits

    pictures = digits().images[:3]
    np.save("pictures.npy", pictures)
    far = {}
    for start in (0.05, 5.0):
        more = ("--init", "pictures.npy", "--start", start)
        assert sample("--model", "digits-mixture", "--nfe", 8, *more) == 0
        x = stored(here / "samples.npz")["x"]
        assert x.shape == pictures.shape
        far[start] = np.sqrt(np.mean((x - pictures) ** 2))
    assert far[0.05] < 0.1 < far[5.0]


def test_a_killed_run_resumes_to_the_same_samples_without_repeating_batches(here):
    run = ("--model", "own:counted", *_NUMPY, "--num-samples", 7, "--batch", 2, "--method", "ddpm")
    assert sample(*run, "--out", "whole.npz") == 0

    line = [sys.executable, "-m", "perturbax", "diffusion", "sample", *map(str, run), "--out", "cut.npz"]
    killed = subprocess.run(line, env={**os.environ, "KILLED_AT": "13"}, capture_output=True, check=False)
    assert killed.returncode == -9
    assert not (here / "cut.npz").exists()
    assert sorted(path.name for path in (here / "cut.npz.partial").glob("batch-*")) == [
        "batch-000000.npz",
        "batch-000001.npz",
    ]

    sys.modules["own"].calls = 0
    assert sample(*run, "--out", "cut.npz", "--resume") == 0
    assert sys.modules["own"].calls == 2 * 5
    whole, cut = stored(here / "whole.npz"), stored(here / "cut.npz")
    assert whole.keys() == cut.keys()
    for name in whole:
        np.testing.assert_array_equal(whole[name], cut[name])


@pytest.fixture
def interrupted(here, monkeypatch):
    """The arguments of a run that Ctrl-C stopped after its first batch."""
    run = ("--model", "own:counted", *_NUMPY, "--num-samples", 4, "--batch", 2)

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        import perturbax.cli._task as task

        starts = task.Task.starts
        patch.setattr(
            task.Task, "starts", lambda self, key, first, count: stop() if first else starts(self, key, first, count)
        )
        assert sample(*run) == 130
    return run


def test_an_interrupted_run_is_not_overwritten_by_accident(here, interrupted, capsys):
    assert sample(*interrupted) == 2
    assert "1 finished batches" in capsys.readouterr().err
    assert sample(*interrupted, "--resume") == 0
    assert stored(here / "samples.npz")["x"].shape == (4, 2, 2)


def test_resume_refuses_another_run_and_restart_begins_again(here, interrupted, capsys):
    assert sample(*interrupted, "--resume", "--seed", 1) == 2
    assert "another seed (0, now 1)" in capsys.readouterr().err
    (here / "own.py").write_text(_MODELS + "\n# changed\n")
    assert sample(*interrupted, "--resume") == 2
    assert "another model" in capsys.readouterr().err
    assert sample(*interrupted, "--restart", "--seed", 1) == 0
    assert json.loads(str(stored(here / "samples.npz")["settings"]))["seed"] == 1


def test_resume_refuses_damaged_files_by_name(here, interrupted, capsys):
    partial = here / "samples.npz.partial"
    batch = partial / "batch-000000.npz"
    batch.write_bytes(batch.read_bytes()[:100])
    assert sample(*interrupted, "--resume") == 2
    assert "batch-000000.npz is damaged" in capsys.readouterr().err
    (partial / "settings.json").write_text("{")
    assert sample(*interrupted, "--resume") == 2
    assert "settings.json cannot be read" in capsys.readouterr().err


def test_explain_prints_the_plan_and_needs_no_model(capsys):
    assert sample("--explain", "--method", "dpm-solver", "--nfe", 6, "--stepping", "fixed", "--final", "eps") == 0
    text = capsys.readouterr().out
    method = diffusion.DPMSolver(steps=6, stepping=diffusion.FixedSinglestep(), grid=diffusion.LogSNR(final="eps"))
    plan = diffusion.plan(method, diffusion.VPLinear())
    assert plan.explain() in text

    line = ("--explain", "--method", "dpm-solver", "--nfe", 6, "--stepping", "fixed", "--final", "eps", "--json")
    assert sample(*line) == 0
    table = json.loads(capsys.readouterr().out)
    assert [stage["order"] for stage in table["stages"]] == plan.orders.tolist()
    np.testing.assert_allclose([stage["time"] for stage in table["stages"]], plan.times)
    for row, stage in zip(plan.mix, [*table["stages"], *table["ends"]], strict=True):
        assert stage["state"] == {f"r{r}": c for r, c in enumerate(row) if c != 0}


def test_every_registered_sampler_can_be_named_and_every_option_reaches_it():
    assert set(methods().values()) == {
        cls
        for cls in core.registered_methods().values()
        if issubclass(cls, diffusion.AbstractSampler) and not issubclass(cls, diffusion.AbstractPrepared)
    } - {diffusion.USF}, "USF is named by --schedule"
    for name, cls in methods().items():
        assert isinstance(build_method(name), cls)
    assert set(processes()) == {"vp-linear", "vp-cosine", "discrete", "ve", "edm", "flow-matching", "poisson-flow"}
    assert set(predictions()) == {"epsilon", "data", "velocity", "score", "flow"}
    built = build_method(
        "dpm-solver-pp", nfe=9, order=3, stepping="multistep", grid="karras", final="eps", solver_type="taylor",
        stochastic=0.5, settings={"third": "exact", "rho": "5", "lower_order_final": "false"},
    )  # fmt: skip
    assert built == diffusion.DPMSolverPP(
        steps=9,
        order=3,
        stepping=diffusion.Multistep(third="exact", lower_order_final=False),
        grid=diffusion.Karras(rho=5.0, final="eps"),
        solver_type="taylor",
        stochastic=0.5,
    )
    assert build_method("adaptive", nfe=90) == diffusion.AdaptiveDPMSolver(max_evaluations=90)
    assert build_method("heun", settings={"churn": "8"}) == diffusion.Heun(steps=20, churn=diffusion.Churn(8.0))


def test_compare_orders_the_methods_as_their_orders_say(here, capsys):
    line = ["diffusion", "compare", "--model", "digits-mixture", "--nfe", "8,16", "--num-samples", "16"]
    assert (
        main([*line, "--methods", "ddim,dpm-solver-pp", "--reference-nfe", "150", "--out", "strip.png", "--json"]) == 0
    )
    rows = json.loads(capsys.readouterr().out)["results"]
    error = {(row["method"], row["nfe"]): row["error"] for row in rows}
    assert error["dpm-solver-pp", 16] < 0.5 * error["ddim", 16]
    assert error["ddim", 16] < error["ddim", 8]
    assert all(row["evaluations"] == row["nfe"] for row in rows)
    assert np.asarray(Image.open(here / "strip.png").convert("L")).std() > 20


@pytest.mark.parametrize(
    ("shape", "wanted"), [((4, 9), (3, 3)), ((4, 5, 6), (5, 6)), ((4, 3, 5, 6), (5, 6, 3)), ((4, 5, 6, 3), (5, 6, 3))]
)
def test_a_sheet_holds_every_sample_in_its_place(shape, wanted):
    x = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    picture = sheet(x, columns=2)
    height, width = wanted[:2]
    factor = -(-64 // width)
    assert picture.shape[:2] == ((2 * height + 1) * factor, (2 * width + 1) * factor)
    ends = [
        sample[:, -1, -1] if shape[1] == 3 and len(shape) == 4 else sample.reshape(-1, sample.shape[-1])[-1]
        for sample in x
    ]
    expected = np.round((np.stack(ends) + 1) * 127.5)[:, -wanted[2] if len(wanted) == 3 else -1 :]
    corners = [picture[height * factor - 1, width * factor - 1], picture[-1, -1]]
    np.testing.assert_array_equal(np.stack(corners).reshape(2, -1), expected[[0, 3]])


_WRONG = {
    "--model is needed": (),
    "module:callable": ("--model", "nonsense"),
    "there is no module": ("--model", "no_such_module:f", "--shape", 2),
    "module own has no": ("--model", "own:nothing", "--shape", 2),
    "a class": ("--model", "own:Network", "--shape", 2),
    "a int": ("--model", "own:number", "--shape", 2),
    "weights alone": ("--model", "model.safetensors", "--shape", 2),
    "--shape is needed": ("--model", "own:gaussian"),
    "--shape must be integers": ("--model", "own:gaussian", "--shape", "2,x"),
    "--shape must be 1 or more": ("--model", "own:gaussian", "--shape", "0"),
    "--shape must be 8,8": ("--model", "digits-mixture", "--shape", "3"),
    "--process must be one of": ("--model", "own:gaussian", "--process", "vp"),
    "its table of alphas_cumprod": ("--model", "own:gaussian", "--process", "discrete"),
    "there is no file": ("--model", "own:gaussian", "--process", "discrete:none.npy"),
    "no readable .npy": ("--model", "own:gaussian", "--process", "discrete:own.py"),
    "must decrease strictly": ("--model", "own:gaussian", "--process", "discrete:rising.npy"),
    "--process-option of vp-linear": ("--model", "own:gaussian", "--process-option", "beta=1"),
    "written as name=value": ("--model", "own:gaussian", "--process-option", "beta_max"),
    "beta_max must be a number": ("--model", "own:gaussian", "--process-option", "beta_max=x"),
    "beta_max must be": ("--model", "own:gaussian", "--process-option", "beta_max=-1"),
    "--method must be one of": ("--model", "own:gaussian", "--method", "magic"),
    "--nfe must be at least 4": ("--model", "own:gaussian", "--order", 3, "--nfe", 3),
    "--nfe must be at least 2": ("--model", "own:gaussian", "--method", "ddim", "--nfe", -1),
    "--order": ("--model", "own:gaussian", "--order", 4),
    "--order has no meaning": ("--model", "own:gaussian", "--method", "ddim", "--order", 2),
    "--stepping must be one of": ("--model", "own:gaussian", "--stepping", "double"),
    "--grid must be one of": ("--model", "own:gaussian", "--grid", "log"),
    "--final must be one of": ("--model", "own:gaussian", "--final", "one"),
    "--final has no meaning": ("--model", "own:gaussian", "--method", "adaptive", "--final", "eps"),
    "--solver-type": ("--model", "own:gaussian", "--solver-type", "newton"),
    "--stochastic": ("--model", "own:gaussian", "--stochastic", -1),
    "--method-option of ddim": ("--model", "own:gaussian", "--method", "ddim", "--method-option", "mu=1"),
    "eta must be a number in": ("--model", "own:gaussian", "--method", "ddim", "--method-option", "eta=nan"),
    "third must be one of official, exact": ("--model", "own:gaussian", "--method-option", "third=best"),
    "lower_order_final must be one of": ("--model", "own:gaussian", "--method-option", "lower_order_final=1"),
    "--prediction must be one of": ("--model", "own:gaussian", "--shape", 2, "--prediction", "noise"),
    "--prediction must be data": ("--model", "digits-mixture", "--prediction", "epsilon"),
    "alpha^2 + sigma^2": ("--model", "own:gaussian", "--shape", 2, "--process", "edm", "--prediction", "velocity"),
    "--condition must be an .npy file": ("--model", "own:shifted", "--shape", 2, "--condition", "a,b"),
    "--condition must be labels 0 to 9": ("--model", "digits-mixture", "--condition", "10"),
    "--guidance needs --condition": ("--model", "digits-mixture", "--guidance", 2),
    "--guidance needs --unconditional": (*("--model", "own:shifted", "--shape", 2, "--condition", 1, "--guidance", 2),),
    "--guidance must be finite": ("--model", "digits-mixture", "--condition", 1, "--guidance", "nan"),
    "--threshold must be one of": ("--model", "own:gaussian", "--shape", 2, "--threshold", "soft"),
    "--start must lie in": ("--model", "own:gaussian", "--shape", 2, "--start", 2),
    "needs --init": ("--model", "own:gaussian", "--shape", 2, "--start", 0.05),
    "--init needs --start": ("--model", "own:gaussian", "--init", "rising.npy"),
    "--init must hold pictures": ("--model", "own:gaussian", "--shape", 2, "--init", "rising.npy", "--start", 0.5),
    "--out": ("--model", "own:gaussian", "--shape", 2, "--out", "no/such/folder.npz"),
    "--png": ("--model", "own:gaussian", "--shape", 2, "--png", "."),
    "are no pictures": ("--model", "own:gaussian", "--shape", 3, "--png", "x.png"),
    "--framework must be one of": ("--model", "own:gaussian", "--shape", 2, "--framework", "mxnet"),
    "--framework must be jax": ("--model", "digits-mixture", "--framework", "numpy"),
    "has no plan": ("--explain", "--method", "runge-kutta"),
    "model must return the shape": ("--model", "own:wrong_shape", *_NUMPY),
}


@pytest.mark.parametrize("message", _WRONG)
def test_a_wrong_value_is_one_line_that_names_it(here, capsys, message):
    np.save("rising.npy", np.array([0.1, 0.2]))
    assert sample(*_WRONG[message]) == 2
    error = capsys.readouterr().err
    assert message.replace("has no plan", "a fixed plan") in error
    assert len(error.splitlines()) == 1
    assert not (here / "samples.npz").exists()


def test_a_model_that_gives_nan_is_an_error_with_the_stage(here, capsys):
    assert sample("--model", "own:broken", *_NUMPY) == 1
    assert "stage 0 of 5" in capsys.readouterr().err
    assert sample("--model", "own:broken", "--shape", 2) == 1
    assert "NaN" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("--model is needed", ()),
        ("adds noise", ("--model", "digits-mixture", "--methods", "ddpm")),
        ("equal cost", ("--model", "digits-mixture", "--methods", "adaptive")),
        ("--nfe must be integers", ("--model", "digits-mixture", "--nfe", "5,")),
        ("--nfe must be at least 4", ("--model", "digits-mixture", "--nfe", "3", "--methods", "dpm-solver")),
        ("--methods dpm-solver order", ("--model", "digits-mixture", "--methods", "dpm-solver:order=two")),
        ("--method must be one of", ("--model", "digits-mixture", "--methods", "ddim,,ddpm")),
        ("name=value", ("--model", "digits-mixture", "--methods", "ddim:3")),
    ],
)
def test_a_wrong_comparison_is_one_line_that_names_it(here, capsys, message, line):
    assert main(["diffusion", "compare", *line]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


_OPTIONS = [
    *("--process", "--process-option", "--method", "--nfe", "--order", "--stepping", "--grid", "--final"),
    *("--solver-type", "--stochastic", "--method-option", "--start", "--seed", "--batch", "--guidance", "--threshold"),
    *("--prediction", "--condition", "--unconditional", "--num-samples", "--shape", "--framework", "--model", "--init"),
]
_VALUES = [
    *("vp-linear", "edm", "ve", "flow", "discrete:", "discrete:x.npy", "ddim", "heun", "adaptive", "dpm-solver", "3"),
    *("0", "-1", "1.5", "nan", "inf", "1e400", "", ",", "=", "a=", "eta=0.5", "third=exact", "t_min=0", "t_max=nan"),
    *("fixed", "karras", "eps", "taylor", "dynamic", "velocity", "own:gaussian", ":", "own:", ":gaussian", "\0", "é"),
]


@given(
    st.lists(st.tuples(st.sampled_from(_OPTIONS), st.one_of(st.sampled_from(_VALUES), st.text(max_size=6))), max_size=5)
)
@settings(max_examples=60)
def test_no_plan_of_any_options_ends_in_an_error_of_the_program(pairs):
    assert sample("--explain", *(f"{option}={value}" for option, value in pairs)) in (0, 2)


@given(
    st.lists(st.tuples(st.sampled_from(_OPTIONS), st.one_of(st.sampled_from(_VALUES), st.text(max_size=6))), max_size=4)
)
@settings(max_examples=40)
def test_no_wrong_task_ends_in_an_error_of_the_program(pairs):
    # The output cannot be written: a line that is right by chance samples nothing.
    line = ("--out=/dev/null/x.npz", *(f"{option}={value}" for option, value in pairs))
    assert sample("--model=digits-mixture", *line) == 2


def test_the_seed_decides(here):
    run = ("--model", "own:gaussian", *_NUMPY)
    for seed, name in ((0, "a"), (0, "b"), (1, "c")):
        assert sample(*run, "--seed", seed, "--out", f"{name}.npz") == 0
    a, b, c = (stored(here / f"{name}.npz")["x"] for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 0.01
    assert not jax.config.jax_enable_x64


def test_stability_prints_and_draws_regions(here, capsys):
    plot = here / "regions.png"
    assert main(["diffusion", "stability", "--method", "ghvb,plms:order=1", "--order", "2.5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["results"]
    assert [round(row["real_interval"], 3) for row in found] == [-0.783, -2.0]
    assert main(["diffusion", "stability", "--method", "plms:order=1", "--plot", str(plot)]) == 0
    assert Image.open(plot).width > 200


def test_data_is_inverted_and_edited(here, capsys):
    pictures = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    np.save(here / "x.npy", pictures)
    given = ["--model", "own:shifted", "--in", str(here / "x.npy"), "--nfe", "12", "--json"]
    out = here / "latent.npz"
    assert main(["diffusion", "invert", *given, "--condition", "0", "--out", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["evaluations"] == 12
    assert told["round_trip_error"] < 1e-3
    assert np.load(out)["state_1"].shape == (3, 2)
    out = here / "edited.npy"
    edit = ["diffusion", "edit", *given, "--source", "0", "--target", "2", "--guidance", "1", "--strength", "1"]
    assert main([*edit, "--out", str(out)]) == 0
    # The network of a point mass: what is kept of the data is its place relative to the point.
    moved = np.load(out) - pictures
    assert 1.5 < moved.mean() < 3.0
    assert moved.std() < 1e-2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["edit", "--method", "plms"], "--method must be one of"),
        (["invert", "--method-option", "gamma=2"], "gamma"),
        (["invert", "--method", "bdia", "--method-option", "gamma=0"], "gamma must be positive"),
    ],
)
def test_a_wrong_inversion_is_told_in_one_line(here, capsys, options, message):
    np.save(here / "x.npy", np.zeros((1, 2)))
    command, *rest = options
    more = ["--source", "0", "--target", "1", "--guidance", "1"] if command == "edit" else ["--condition", "0"]
    given = ["--model", "own:shifted", "--in", str(here / "x.npy"), *more, *rest]
    assert main(["diffusion", command, *given]) == 2
    assert message in capsys.readouterr().err


def test_a_fractional_order_is_for_methods_that_have_one(capsys):
    assert main(["diffusion", "sample", "--explain", "--method", "ghvb", "--order", "2.3", "--nfe", "5"]) == 0
    assert "order=2.3" in capsys.readouterr().out
    assert main(["diffusion", "sample", "--explain", "--method", "plms", "--order", "2.3"]) == 2
    assert "--order must be an integer for --method plms" in capsys.readouterr().err
