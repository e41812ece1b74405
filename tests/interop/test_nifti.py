"""NIfTI files: what is written is read by nibabel and back, damaged files are refused by name."""

import nibabel
import numpy as np
import pytest

from perturbax import interop

AFFINE = np.array([[2.0, 0, 0, -10.0], [0, 2.0, 0, 5.0], [0, 0, 3.0, 7.0], [0, 0, 0, 1.0]])


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_what_is_written_is_read_by_others_and_back(tmp_path, name):
    values = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    interop.write_nifti(tmp_path / name, interop.Volume(values, AFFINE))
    image = nibabel.load(tmp_path / name)
    np.testing.assert_array_equal(np.asarray(image.dataobj), values)
    np.testing.assert_allclose(image.affine, AFFINE)
    volume = interop.read_nifti(tmp_path / name)
    np.testing.assert_array_equal(volume.values, values)
    assert volume.spacing == (2.0, 2.0, 3.0)


def test_masks_become_bytes(tmp_path):
    interop.write_nifti(tmp_path / "m.nii", interop.Volume(np.eye(3, dtype=bool)[None], AFFINE))
    assert interop.read_nifti(tmp_path / "m.nii").values.dtype == np.uint8


def test_files_that_are_none_are_refused_by_name(tmp_path):
    (tmp_path / "bad.nii").write_bytes(b"no image" * 100)
    whole = tmp_path / "a.nii.gz"
    interop.write_nifti(whole, interop.Volume(np.ones((4, 4, 4), np.float32), AFFINE))
    (tmp_path / "cut.nii.gz").write_bytes(whole.read_bytes()[:60])
    for name in ("bad.nii", "cut.nii.gz"):
        with pytest.raises(ValueError, match=name):
            interop.read_nifti(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        interop.read_nifti(tmp_path / "none.nii")
    nibabel.Nifti1Image(np.full((2, 2, 2), np.nan), np.eye(4)).to_filename(tmp_path / "nan.nii")
    with pytest.raises(ValueError, match=r"nan\.nii: values must be finite"):
        interop.read_nifti(tmp_path / "nan.nii")
    with pytest.raises(ValueError, match=r"path must end with \.nii"):
        interop.write_nifti(tmp_path / "a.txt", interop.Volume(np.ones((2, 2, 2)), AFFINE))
