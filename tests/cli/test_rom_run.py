"""`perturbax rom run`: a plate from files, its answer on the mesh, and what is wrong in a case."""

import json

import numpy as np
import pytest

from perturbax import interop, systems
from perturbax.cli import main

pytest.importorskip("skfem", reason="needs the extra mesh")

CASE = """
mesh = "plate.vtu"
end = 1.0
steps = 4
[material]
temperatures = [20.0, 1000.0]
young = [200e3, 120e3]
poisson = 0.3
yield_stress = [200.0, 80.0]
hardening = 5e3
viscosity = 300.0
exponent = 5.0
expansion = 1.2e-5
[[supports]]
axis = "y"
at = 0.0
[load]
body = [0.0, 400.0]
amplitude = [[0.0, 0.0], [0.5, 1.0]]
[temperature]
base = 20.0
amplitude = [[0.0, 0.0], [0.3, 1.0]]
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mesh = systems.box((3, 3))

    def hot(place, height):
        return 20.0 + height * np.exp(-np.square(mesh.points - [place, 0.2]).sum(1) / 0.1)

    interop.write_mesh("plate.vtu", mesh)
    interop.write_mesh("new.vtu", interop.Mesh(mesh.points, mesh.cells, {"T": hot(0.5, 600.0)}))
    np.save("train.npy", np.stack([hot(0.2, 300.0), hot(0.8, 300.0)]))
    (tmp_path / "case.toml").write_text(CASE)
    return tmp_path


def run(*arguments):
    return main(["rom", "run", *map(str, arguments)])


def test_a_new_temperature_is_computed_and_comes_out_on_the_mesh(files, capsys):
    assert run("case.toml", "new.vtu", "--train", "train.npy", "--method", "ecm", "--save", "model.npz", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["steps"] == len(report["error_estimate"]) == 4
    assert report["full_steps"] == []
    assert report["trusted"] is True
    assert (files / "model.npz").is_file()
    found = interop.read_mesh("rom.vtu")
    assert found.point_fields["displacement"].shape == (16, 3)
    assert found.point_fields["temperature"].max() == pytest.approx(report_temperature())
    assert run("case.toml", "new.vtu", "--method", "full", "-o", "full.vtu") == 0
    assert "4 of 4 steps by the full model" in capsys.readouterr().err
    exact = interop.read_mesh("full.vtu").point_fields["displacement"]
    assert np.abs(found.point_fields["displacement"] - exact).max() < 0.3 * np.abs(exact).max()


def report_temperature():
    """The hottest node of the field that was asked for."""
    return interop.read_mesh("new.vtu").point_fields["T"].max()


@pytest.mark.slow
def test_where_it_is_not_sure_it_asks_the_full_model(files, capsys):
    call = ("case.toml", "new.vtu", "--train", "train.npy", "--tol", 0.05, "--max-full-share", 1.0)
    assert run(*call) == 0
    assert "0 of 4 steps" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (("", ""), ("none.toml", "new.vtu", "--method", "full"), "CASE: there is no file none.toml"),
        (("steps = 4", "steps = 0"), (), "CASE: case.toml: steps must be an integer >= 1"),
        (("steps = 4", "steps = true"), (), "CASE: case.toml: steps must be of another type, got True"),
        (("poisson = 0.3", ""), (), "CASE: case.toml: material.poisson is missing"),
        (("poisson", "poison"), (), "CASE: case.toml: material has no poison"),
        (("end = 1.0", ""), (), "CASE: case.toml: end is missing"),
        (("at = 0.0", "at = 0.1"), (), "no node lies at y = 0.1"),
        (('axis = "y"', 'axis = "z"'), (), "supports must have axis and components of xy"),
        (("[[0.0, 0.0], [0.5, 1.0]]", "[[0.5, 0.0], [0.5, 1.0]]"), (), "load.amplitude must be pairs"),
        (("[400", "[400"), ("case.toml", "none.vtu", "--method", "full"), "TEMPERATURE: there is no file none.vtu"),
        (("1000.0]", "300.0]"), ("case.toml", "new.vtu", "--method", "full"), "temperature must lie in [20, 300]"),
        (("", ""), ("case.toml", "train.npy", "--method", "full"), "TEMPERATURE: train.npy must hold one field"),
        (("", ""), ("case.toml", "new.vtu"), "--train is needed by --method adaptive"),
        (("", ""), ("case.toml", "new.vtu", "--tol", "-1"), "tol must be a number >= 0"),
        (("", ""), ("case.toml", "new.vtu", "--method", "full", "-o", "x.vtk"), "--out x.vtk must end with .vtu"),
        (("", ""), ("case.toml", "new.vtu", "--method", "full", "--save", "m.npz"), "--save has no meaning"),
        (("= [", "= ["), ("case.toml", "plate.vtu", "--method", "full"), "plate.vtu holds no fields"),
        (('"plate.vtu"', '"gone.vtu"'), (), "there is no such file"),
    ],
)
def test_wrong_cases_and_command_lines_say_what_is_wrong(files, capsys, change, arguments, message):
    (files / "case.toml").write_text(CASE.replace(*change) if change[0] else CASE)
    assert run(*(arguments or ("case.toml", "new.vtu", "--method", "full"))) == 2
    assert message in " ".join(capsys.readouterr().err.split())
