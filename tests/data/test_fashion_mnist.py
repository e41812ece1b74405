import gzip
import struct

import numpy as np
import pytest

from perturbax.data import fashion_mnist

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
LABELS = np.array([2, 0, 9], np.uint8)


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    return tmp_path


def test_files_zipped_or_not_are_read_and_scaled(folder):
    data = fashion_mnist("train", folder)
    np.testing.assert_allclose(data.images, IMAGES / 127.5 - 1.0, atol=1e-6)
    assert data.labels.tolist() == [2, 0, 9]
    assert data.card.source == "idx files given by the user"


def test_absent_files_name_the_package(folder):
    with pytest.raises(FileNotFoundError, match="dataset-fashion-mnist"):
        fashion_mnist("test", folder)
    with pytest.raises(ValueError, match="split must be"):
        fashion_mnist("validation", folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "bytes 0-3"),
        (b"\0\0\x0d\x03" + bytes(12), "not the head of an idx file"),
        (idx(IMAGES)[:9], "ends at byte 9, inside the 3 sizes"),
        (idx(IMAGES)[:-1], "needs 76 bytes in all, the file has 75"),
        (idx(IMAGES) + b"x", "the file has 77"),
        (idx(LABELS), "pictures of shape"),
    ],
)
def test_damaged_files_are_refused_by_name(folder, content, message):
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
    with pytest.raises(ValueError, match=message) as error:
        fashion_mnist("train", folder)
    assert "train-images-idx3-ubyte.gz" in str(error.value)


def test_a_truncated_gzip_file_is_refused_by_name(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz is not an intact gzip file"):
        fashion_mnist("train", folder)
