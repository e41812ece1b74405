"""Brains: the real template, files of a user, slices and coarser grids that keep their place."""

import nibabel
import numpy as np
import pytest

from perturbax import data, interop, systems


def test_the_template_has_the_volumes_that_were_checked_by_hand():
    brain = systems.BrainAnatomy.from_mni(1)
    template = data.mni152()
    assert brain.shape == (197, 233, 189)
    assert brain.white_matter.sum() == pytest.approx(632_000, rel=0.01)
    assert (brain.grey > 0.5).sum() == pytest.approx(1_080_000, rel=0.01)
    np.testing.assert_array_equal(template.affine[:3, 3], [-98.0, -134.0, -72.0])
    assert template.card.source == "nilearn==0.14.1"
    assert not template.card.synthetic
    coarse = brain.slice(2, 90).coarsen(2)
    assert coarse.shape == (98, 116)
    assert coarse.white[20, 30] == pytest.approx(brain.white[40:42, 60:62, 90].mean(), abs=1e-6)


def test_a_voxel_of_a_slice_on_a_coarse_grid_stays_where_it_was():
    affine = np.array([[2.0, 0, 0, -10.0], [0, 2.0, 0, 5.0], [0, 0, 2.0, 7.0], [0, 0, 0, 1.0]])
    brain = systems.BrainAnatomy(np.ones((4, 6, 8)), np.zeros((4, 6, 8)), spacing=2.0, affine=affine)
    part = brain.slice(2, 3).coarsen(2)
    # The block of voxels 2, 3 and 4, 5 of layer 3 has its centre at 2.5 and 4.5.
    np.testing.assert_allclose(part.affine @ [1, 2, 0, 1], affine @ [2.5, 4.5, 3, 1])
    assert part.spacing == 4.0
    other = brain.slice(0, 1)
    np.testing.assert_allclose(other.affine @ [2, 3, 0, 1], affine @ [1, 2, 3, 1])


def test_files_of_a_user_make_the_same_brain(tmp_path):
    phantom = systems.BrainAnatomy.phantom((6, 8, 7), spacing=2.0)
    for name, share in (("wm", phantom.white), ("gm", phantom.grey)):
        nibabel.Nifti1Image(np.round(255 * share).astype(np.uint8), phantom.affine).to_filename(
            tmp_path / f"{name}.nii"
        )
    brain = systems.BrainAnatomy.from_nifti(tmp_path / "wm.nii", tmp_path / "gm.nii")
    np.testing.assert_allclose(brain.white, phantom.white)
    assert brain.spacing == 2.0
    moved = interop.Volume(phantom.grey, phantom.affine + np.eye(4)[:, [1, 2, 3, 0]] * [[0, 0, 0, 1]] * 3.0)
    interop.write_nifti(tmp_path / "moved.nii", moved)
    with pytest.raises(ValueError, match=r"grey must have the affine of white.*got"):
        systems.BrainAnatomy.from_nifti(tmp_path / "wm.nii", tmp_path / "moved.nii")


@pytest.mark.parametrize(
    ("white", "grey", "options", "message"),
    [
        (np.ones((4, 4)), np.zeros((4, 5)), {}, "grey must have the shape of white"),
        (np.ones((4, 4)), np.ones((4, 4)), {}, "add up to at most 1"),
        (2.0 * np.ones((4, 4)), np.zeros((4, 4)), {}, "white must lie in"),
        (np.zeros((4, 4)), np.ones((4, 4)), {}, "no white matter"),
        (np.ones((4, 4)), np.zeros((4, 4)), {"spacing": 0.0}, "spacing must be a number > 0"),
        (np.ones((4, 4)), np.zeros((4, 4)), {"affine": np.eye(4)}, "voxels of 2 mm"),
        (np.full((4, 4), np.nan), np.zeros((4, 4)), {}, "white must be finite"),
    ],
)
def test_maps_that_are_no_brain_are_refused(white, grey, options, message):
    with pytest.raises(ValueError, match=message):
        systems.BrainAnatomy(white, grey, **{"spacing": 2.0, **options})


def test_layers_that_are_not_there_are_refused():
    brain = systems.BrainAnatomy.phantom((6, 8))
    with pytest.raises(ValueError, match="index must be an integer in"):
        brain.slice(1, 8)
    with pytest.raises(ValueError, match="factor must be an integer in"):
        brain.coarsen(7)
