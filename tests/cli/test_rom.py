"""`perturbax rom`: arrays and meshes in, bases and VTU out, the answer in a line, and wrong command lines."""

import json

import numpy as np
import pytest
import scipy.sparse

from perturbax import interop
from perturbax.cli import main

X = np.linspace(0.0, 1.0, 30)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Pulses at three places with amplitudes of any size, as arrays and as fields on a line of cells."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    s = np.repeat([0.2, 0.5, 0.8], 8) + random.uniform(-0.02, 0.02, 24)
    fields = 10.0 ** random.uniform(-2, 2, (24, 1)) * np.exp(-(((X - s[:, None]) / 0.1) ** 2))
    np.save("x.npy", fields)
    np.savez("x.npz", u=fields, other=fields[:3])
    np.savetxt("x.csv", fields, delimiter=",")
    np.savetxt("s.csv", s[:, None], header="place", comments="")
    np.save("noise.npy", random.normal(size=(24, 200)))
    np.save("w.npy", np.ones(30))
    return fields


def on_meshes(fields):
    pytest.importorskip("skfem", reason="needs the extra mesh")
    cells = {"line": np.stack([np.arange(29), np.arange(1, 30)], 1)}
    for i, field in enumerate(fields):
        interop.write_mesh(f"m{i:02}.vtu", interop.Mesh(X[:, None], cells, {"u": field, "v": field[::-1]}))
    return [f"m{i:02}.vtu" for i in range(len(fields))]


def run(*arguments):
    return main(["rom", *map(str, arguments)])


def test_the_number_of_clusters_is_found_and_a_basis_written_for_each(files, capsys):
    assert run("cluster", "x.npy", "-K", "2:4", "-N", 2, "--smallest", 8, "--picture", "p.png", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["recommended"] == report["clusters"] == 3
    assert report["sizes"] == [8, 8, 8]
    assert report["held_out"]["local"]["mean"] < 0.1 * report["held_out"]["one basis"]["mean"]
    with np.load("bases.npz") as saved:
        assert saved["basis_2"].shape == (2, 30)
        np.testing.assert_array_equal(saved["labels"][::8], saved["labels"][7::8])
    with open("p.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"


def test_noise_is_told_to_be_noise_and_gets_one_basis(files, capsys):
    assert run("cluster", "noise.npy", "-K", "2:3", "--holdout", 0) == 0
    assert "local bases are not worth it" in capsys.readouterr().out
    with np.load("bases.npz") as saved:
        assert "basis_1" not in saved


def test_a_table_for_people(files, capsys):
    assert run("cluster", "x.npz", "--field", "u", "-K", 3, "-N", 2, "--params", "s.csv", "--method", "parameters") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "local bases are worth it, with 3 clusters" in out
    assert "ParameterKMeans with 3 clusters" in out


def test_fields_on_meshes_give_modes_on_meshes(files, capsys):
    names = on_meshes(files)
    call = ("cluster", *names, "--field", "u", "--weight", "mass", "-K", 3, "-N", 1, "--holdout", 0)
    assert run(*call, "--vtu", "modes.vtu") == 0
    modes = interop.read_mesh("modes.vtu").point_fields
    assert sorted(modes) == ["cluster_0_mode_0", "cluster_1_mode_0", "cluster_2_mode_0"]
    assert {round(float(X[np.abs(mode).argmax()]), 1) for mode in modes.values()} == {0.2, 0.5, 0.8}
    capsys.readouterr()
    assert run("cluster", *names, "-K", 3) == 2
    assert "m00.vtu holds u, v; name one with --field" in capsys.readouterr().err


def test_pod_of_arrays_of_any_format_and_of_meshes(files, capsys):
    import h5py

    with h5py.File("x.h5", "w") as file:
        file["group/u"] = files
    exact = np.linalg.svd(files, compute_uv=False)
    for arguments in (("x.csv",), ("x.npz", "--field", "u"), ("x.h5", "--weight", "w.npy")):
        assert run("pod", *arguments, "--rank", 3, "--json") == 0
        report = json.loads(capsys.readouterr().out)
        np.testing.assert_allclose(report["singular_values"][:3], exact[:3], rtol=1e-6)
        assert report["modes"] == 3
    names = on_meshes(files[:4])
    scipy.sparse.save_npz("w.npz", scipy.sparse.eye_array(30, format="csr"))
    call = ("pod", *names, "--field", "v", "--weight", "w.npz", "--tol", 0.1, "--factorisation", "snapshots")
    assert run(*call, "--vtu", "modes.vtu") == 0
    assert "leave a relative error of" in capsys.readouterr().err
    assert "mode_0" in interop.read_mesh("modes.vtu").point_fields


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.npy",), "SNAPSHOTS: there is no file none.npy"),
        (("x.npy", "x.csv"), "SNAPSHOTS must be one file of arrays"),
        (("x.npz",), "x.npz holds u, other; name one with --field"),
        (("bad.npy",), "SNAPSHOTS: bad.npy cannot be read"),
        (("bad.h5",), "SNAPSHOTS: bad.h5 cannot be read"),
        (("bad.vtu",), "bad.vtu cannot be read as a mesh"),
        (("w.npy",), "must hold numbers of shape (M, n) or (M, times, n), got float64 (30,)"),
        (("x.npy", "-K", "4:2"), "--clusters must be a number >= 1 or a range"),
        (("x.npy", "-K", "24"), "--clusters must be below the number of solutions, 24"),
        (("x.npy", "--method", "magic"), "--method must be one of sine"),
        (("x.npy", "--method", "parameters", "-K", "2"), "params of the problem are needed"),
        (("x.npy", "--params", "w.npy"), "--params: w.npy must hold numbers of shape (n, d)"),
        (("x.npy", "--weight", "none.npy"), "--weight must be mass or a file"),
        (("x.npy", "--weight", "mass"), "--weight mass needs solutions on a mesh"),
        (("x.npy", "--weight", "noise.npy"), "weight must have shape (30,)"),
        (("x.npy", "--vtu", "m.vtu"), "--vtu needs solutions on a mesh"),
        (("x.npy", "--vtu", "m.vtk"), "--vtu m.vtk must end with .vtu"),
        (("x.npy", "--holdout", "1"), "--holdout must be a share in [0, 1)"),
        (("x.npy", "-K", "23", "--holdout", ".5"), "--holdout leaves 12 solutions for 23 clusters"),
        (("x.npy", "--accuracy", "2"), "accuracy must be"),
        (("x.npy", "-o", "none/b.npz"), "lies in a folder that does not exist"),
        (("nan.npy",), "fields must be finite"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(files, tmp_path, capsys, arguments, message):
    for name in ("bad.npy", "bad.h5", "bad.vtu"):
        (tmp_path / name).write_text("text")
    np.save("nan.npy", np.full((24, 30), np.nan))
    if message.startswith("bad.vtu"):
        pytest.importorskip("meshio", reason="needs the extra mesh")
    assert run("cluster", *arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())
