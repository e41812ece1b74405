"""`perturbax diffusion restore` on files of a user."""

import json

import jax
import numpy as np
import pytest

from perturbax import data, systems
from perturbax.cli import main


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """k-space of four digits under two coils, with its mask and maps."""
    folder = tmp_path_factory.mktemp("scan")
    mask = systems.column_mask(jax.random.key(0), (8, 8), acceleration=2)
    maps = systems.coil_maps(2, (8, 8))
    digits = data.digits().flat[:4].reshape(-1, 8, 8).astype(np.float32)
    np.save(folder / "mask.npy", mask)
    np.save(folder / "maps.npy", maps)
    np.save(folder / "kspace.npy", np.asarray(jax.vmap(systems.MRI(mask, maps))(digits)))
    return folder


def scan(files, *more):
    inputs = ["--in", "kspace.npy", "--mask", "mask.npy", "--maps", "maps.npy"]
    paths = [str(files / word) if word.endswith(".npy") else word for word in inputs]
    return ["diffusion", "restore", "--operator", "mri", "--model", "digits-mixture", *paths, *more]


def test_digits_come_back_from_half_of_their_k_space(files, tmp_path, capsys):
    out = tmp_path / "x.npz"
    assert main(scan(files, "--nfe", "12", "--out", str(out), "--png", str(tmp_path / "x.png"), "--json")) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["images"] == 4
    assert said["evaluations"] == 12
    assert said["residual"] < 0.05
    digits = data.digits().flat[:4]
    x = np.load(out)["x"]
    assert np.sqrt(np.mean((x.reshape(4, -1) - digits) ** 2)) < 0.3
    assert (tmp_path / "x.png").stat().st_size > 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--operator", "sonar"], "--operator must be one of"),
        (["--method", "magic"], "--method must be one of"),
        (["--in", "none.npy"], "--in: there is no file none.npy"),
        (["--operator", "ct"], "--angles is needed"),
        (["--operator", "inpainting"], "y must have shape"),
        (["--out", "nowhere/x.npz"], "--out"),
        (["--scale", "0"], "--scale must be a positive number"),
        (["--in", "none.h5:kspace"], "--in: there is no file none.h5"),
    ],
)
def test_wrong_input_is_told_in_one_line(files, capsys, change, message):
    assert main(scan(files, *change)) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_measurements_in_hdf5_at_another_scale_give_the_same_images_at_that_scale(files, tmp_path, capsys):
    h5py = pytest.importorskip("h5py")
    kspace = np.load(files / "kspace.npy")
    with h5py.File(tmp_path / "scan.h5", "w") as store:
        store["kspace"] = 100.0 * kspace
    quick = ["--nfe", "5", "--samples", "2", "--method", "diffpir", "--noise"]
    plain, scaled = tmp_path / "plain.npz", tmp_path / "scaled.npz"
    assert main(scan(files, *quick, "0.02", "--out", str(plain))) == 0
    capsys.readouterr()
    more = ["--in", f"{tmp_path / 'scan.h5'}:kspace", "--scale", "100", "--out", str(scaled)]
    assert main(scan(files, *quick, "2", *more, "--json")) == 0
    assert json.loads(capsys.readouterr().out)["evaluations"] == 10
    np.testing.assert_allclose(np.load(scaled)["x"], 100.0 * np.load(plain)["x"], rtol=1e-2, atol=0.5)
    assert main(scan(files, "--in", f"{tmp_path / 'scan.h5'}:other")) == 2
    assert "has no dataset 'other', it has kspace" in capsys.readouterr().err
