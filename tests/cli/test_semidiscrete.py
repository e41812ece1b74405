"""`perturbax transport semidiscrete`, and sampling from its map."""

import json

import numpy as np
import pytest

from perturbax.cli import main


@pytest.fixture(scope="module")
def latents(tmp_path_factory):
    path = tmp_path_factory.mktemp("latents") / "latents.npy"
    points = np.random.default_rng(0).normal(size=(12, 8, 8)) * np.linspace(0.5, 2.0, 12)[:, None, None]
    np.save(path, points.astype(np.float32))
    return path


def test_a_map_is_fitted_and_sampled_from(latents, tmp_path, capsys):
    out = tmp_path / "map.npz"
    call = ["transport", "semidiscrete", "--points", str(latents), "--out", str(out), "--samples", "6000"]
    assert main([*call, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["converged"] is True
    assert said["targets"] == 12
    assert not out.with_name("map.npz.partial").exists()
    drawn = tmp_path / "samples.npz"
    call = ["diffusion", "sample", "--model", "digits-mixture", "--map", str(out), "--nfe", "3", "--out", str(drawn)]
    assert main([*call, "--start", "0.5", "--num-samples", "4", "--json"]) == 0
    assert np.load(drawn)["x"].shape[0] == 4
    capsys.readouterr()
    assert main(call) == 2
    assert "--map needs --start" in capsys.readouterr().err


def test_too_few_steps_are_told_by_the_exit_code(latents, tmp_path, capsys):
    out = tmp_path / "map.npz"
    call = ["transport", "semidiscrete", "--points", str(latents), "--out", str(out), "--samples", "15", "--steps", "1"]
    assert main(call) == 1
    assert "mass error" in capsys.readouterr().out
    assert out.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--points", "none.npy"], "there is no file none.npy"),
        (["--out", "nowhere/map.npz"], "--out"),
    ],
)
def test_wrong_input_is_told_in_one_line(latents, capsys, change, message):
    assert main(["transport", "semidiscrete", "--points", str(latents), *change]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_file_that_is_no_map(latents, tmp_path, capsys):
    call = ["diffusion", "sample", "--model", "digits-mixture", "--start", "0.1", "--map", str(latents)]
    assert main([*call, "--out", str(tmp_path / "x.npz")]) == 2
    assert str(latents) in capsys.readouterr().err
