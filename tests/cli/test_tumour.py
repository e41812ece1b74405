"""`perturbax optimize tumour-build` and `tumour-query` on NIfTI files of a user, with a synthetic brain."""

import json

import numpy as np
import pytest

from perturbax import interop, optimize, systems
from perturbax.cli import main

AFFINE = np.array([[3.0, 0, 0, -20.0], [0, 3.0, 0, -24.0], [0, 0, 3.0, -22.0], [0, 0, 0, 1.0]])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A synthetic atlas of 3 mm, a database on 6 mm, and the masks of one of its simulations."""
    folder = tmp_path_factory.mktemp("tumour")
    phantom = systems.BrainAnatomy.phantom((16, 18, 16), spacing=3.0)
    for name, share in (("wm", phantom.white), ("gm", phantom.grey)):
        interop.write_nifti(folder / f"{name}.nii.gz", interop.Volume(share, AFFINE))
    assert build(folder) == 0
    database = optimize.read_database(folder / "db")
    core = (database.predictions >= 0.6).reshape(database.size, -1).sum(1)
    chosen = int(np.argmax((core > 4) & (core < 40)))
    for name, level in (("whole", 0.2), ("core", 0.6)):
        values = (database.predictions[chosen] >= level).astype(np.uint8)
        interop.write_nifti(folder / f"{name}.nii.gz", interop.Volume(values, database.about["affine"]))
        # The same on the grid of the atlas.
        fine = values.repeat(2, 0).repeat(2, 1).repeat(2, 2)
        interop.write_nifti(folder / f"fine-{name}.nii.gz", interop.Volume(fine, AFFINE))
    return folder, database.parameters[chosen]


def build(folder, *arguments, db="db"):
    atlas = ["--white", folder / "wm.nii.gz", "--grey", folder / "gm.nii.gz"]
    options = ["--db", folder / db, "--resolution", 2, "--n", 32, "--length", 4, 10, *atlas, *arguments]
    return main(["optimize", "tumour-build", *map(str, options)])


def query(folder, *arguments, whole="whole.nii.gz", core="core.nii.gz", db="db"):
    options = [folder / whole, folder / core, "--db", folder / db, *arguments]
    return main(["optimize", "tumour-query", *map(str, options)])


def test_a_simulation_of_the_database_is_found_by_its_masks(files, capsys, tmp_path):
    folder, parameters = files
    capsys.readouterr()
    out = tmp_path / "density.nii.gz"
    for finer in ("", "fine-"):
        names = {"whole": f"{finer}whole.nii.gz", "core": f"{finer}core.nii.gz"}
        assert query(folder, "--json", "--out", out, **names) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["dice"] == {"whole": 1.0, "core": 1.0}
        assert report["length"] == pytest.approx(parameters[3], rel=1e-5)
        assert report["growth"] == pytest.approx(parameters[4], rel=1e-5)
        place = AFFINE[:3, 3] + 1.5 + parameters[:3]
        np.testing.assert_allclose(report["start_mm"], place, rtol=1e-4)
        assert report["simulations"] == 0
    volume = interop.read_nifti(out)
    assert volume.values.shape == (8, 9, 8)
    assert volume.spacing == (6.0, 6.0, 6.0)


@pytest.mark.slow
def test_a_match_is_refined_and_printed_and_a_build_goes_on(files, capsys):
    folder, _ = files
    assert query(folder, "--refine", 30, "--blocks", 2) == 0
    assert "whole tumour" in capsys.readouterr().out
    assert build(folder, "--n", 40, "--json", db="db") == 0
    assert json.loads(capsys.readouterr().out)["simulations"] == 40


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"whole": "none.nii.gz"}, "there is no such file"),
        ({"db": "none"}, "is no folder of a database"),
        ({"whole": "moved.nii.gz"}, "must lie on the grid of the atlas, (8, 9, 8) with affine"),
        ({"whole": "grey.nii.gz"}, "must be a mask of zeros and one other value"),
        ({"core": "empty.nii.gz"}, "must not be empty"),
        ({"core": "air.nii.gz"}, "has no voxel inside the brain"),
        ({"whole": "text.nii.gz"}, "text.nii.gz cannot be read as NIfTI"),
    ],
)
def test_files_that_do_not_fit_are_refused(files, capsys, options, message):
    folder, _ = files
    affine = interop.read_nifti(folder / "whole.nii.gz").affine
    air = np.zeros((8, 9, 8), np.uint8)
    for name, values, at in (
        (
            "moved",
            np.eye(8, 9, dtype=np.uint8)[..., None].repeat(8, 2),
            affine + 1.0 * (np.arange(16).reshape(4, 4) == 3),
        ),
        ("grey", np.arange(576).reshape(8, 9, 8).astype(np.float32), affine),
        ("empty", air, affine),
        ("air", np.pad(np.ones((1, 1, 1), np.uint8), [(0, 7), (0, 8), (0, 7)]), affine),
    ):
        interop.write_nifti(folder / f"{name}.nii.gz", interop.Volume(values, at))
    (folder / "text.nii.gz").write_text("text")
    assert query(folder, **options) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_core_outside_of_the_whole_tumour_and_a_poor_match_are_noted(files, capsys):
    folder, _ = files
    database = optimize.read_database(folder / "db")
    values = np.zeros((8, 9, 8), np.uint8)
    values[3:5, 3:5, 3] = 1
    interop.write_nifti(folder / "small.nii.gz", interop.Volume(values, database.about["affine"]))
    interop.write_nifti(folder / "other.nii.gz", interop.Volume(np.roll(values, 2, 1), database.about["affine"]))
    assert query(folder, whole="small.nii.gz", core="other.nii.gz") == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "is not inside" in said
    assert "no match" in said


def test_commands_that_are_not_complete_are_refused(files, capsys):
    folder, _ = files
    assert main(["optimize", "tumour-build", "--db", str(folder / "db"), "--white", "wm.nii.gz"]) == 2
    assert "give --white and --grey, or none of them" in capsys.readouterr().err
    assert build(folder, "--seed", 1) == 2
    assert "holds a database of another model, prior or key" in " ".join(capsys.readouterr().err.split())
