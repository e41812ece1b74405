"""`perturbax diffusion fit`: a folder that `sample` draws from, an interrupted run, and wrong command lines."""

import json

import jax
import numpy as np
import pytest

from perturbax import diffusion, nn
from perturbax.cli import main

SMALL = ("--steps", 4, "--batch", 8, "--width", 8, "--blocks", 1)


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).uniform(-1, 1, (20, 2, 2)).astype(np.float32)
    np.savez("images.npz", images=images, labels=np.arange(20) % 2)
    return tmp_path


def fit(*arguments):
    return main(["diffusion", "fit", *map(str, arguments)])


def sample(*arguments):
    return main(["diffusion", "sample", "--method", "heun", "--nfe", "5", *map(str, arguments)])


def test_what_is_trained_is_sampled_with_its_own_noise_and_labels(pictures, capsys):
    assert fit("--data", "images.npz", "--D", 3, "--out", "model", "--json", *SMALL) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["D"], report["classes"]) == (3.0, 2)
    assert diffusion.load_denoiser("model").process.D == 3.0
    assert sample("--model", "model", "--condition", "0,1", "--num-samples", 4) == 0
    with np.load("samples.npz") as file:
        assert file["x"].shape == (4, 2, 2)
        assert "PoissonFlow(D=3.0" in str(file["settings"])


def test_a_finished_run_is_made_longer_to_the_same_denoiser(pictures):
    def leaves(folder):
        return jax.tree.leaves(diffusion.load_denoiser(folder).denoiser)

    assert fit("--data", "images.npz", "--out", "once", *SMALL) == 0
    assert fit("--data", "images.npz", "--out", "twice", *SMALL) == 0
    assert fit("--data", "images.npz", "--out", "twice", *SMALL) == 0
    for a, b in zip(leaves("once"), leaves("twice"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_saved_denoiser_is_the_same_function(tmp_path):
    network = nn.ResidualMLP(4, width=8, blocks=2, classes=3, key=jax.random.key(0))
    denoiser = nn.EDMPreconditioned(network, 0.5, np.full(4, 0.1, np.float32))
    diffusion.save_denoiser(tmp_path / "a", denoiser, (2, 2), D=np.inf)
    back = diffusion.load_denoiser(tmp_path / "a")
    x, label = np.ones((2, 4), np.float32), np.array([0, -1])
    np.testing.assert_array_equal(back.denoiser(x, 0.3, label), denoiser(x, 0.3, label))
    assert (back.shape, back.D) == ((2, 2), np.inf)
    with pytest.raises(TypeError, match=r"denoiser\.network must be an nn\.ResidualMLP"):
        diffusion.save_denoiser(tmp_path, nn.EDMPreconditioned(lambda x, level, label: x, 1.0), (4,), 1.0)


def test_a_damaged_folder_is_refused_by_name(pictures, capsys):
    (pictures / "model").mkdir()
    assert sample("--model", "model") == 2
    assert "model is a folder without denoiser.npz" in capsys.readouterr().err
    (pictures / "model" / "denoiser.npz").write_bytes(b"not a zip")
    assert sample("--model", "model") == 2
    assert "denoiser.npz is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "none.npz"), "there is no file none.npz"),
        (("--data", "images.npz", "--D", 0), "D must be a number > 0"),
        (("--data", "images.npz", "--method", "gan"), "--method must be one of pfgmpp"),
        (("--data", "images.npz", "--batch", 21), "--batch must be at most the 20 samples"),
        (("--data", "images.npz", "--out", "images.npz"), "--out images.npz is a file"),
        (("--data", "bytes.npz"), "must be floating, from -1 to 1, got dtype uint8"),
        (("--data", "other.npz"), "under the name images or x"),
        (("--data", "text.npz"), "is no readable .npz file"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(pictures, capsys, arguments, message):
    np.savez("bytes.npz", images=np.zeros((9, 2, 2), np.uint8))
    np.savez("other.npz", pictures=np.zeros((9, 2, 2)))
    (pictures / "text.npz").write_text("text")
    assert fit(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())
