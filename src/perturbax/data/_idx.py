"""The idx format of MNIST: two zero bytes, a type byte, the number of axes, big-endian sizes, then the values."""

import gzip
import math
import pathlib
import zlib

import numpy as np

_UNSIGNED_BYTE = 8


def read_idx(path: pathlib.Path) -> np.ndarray:
    """The unsigned bytes of an idx file, gzipped when its name ends so.

    **Raises:** `ValueError` naming the file and the position of what is wrong.
    """
    raw = path.read_bytes()
    if path.suffix == ".gz":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is not an intact gzip file: {error}") from None
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != _UNSIGNED_BYTE or raw[3] == 0:
        raise ValueError(f"{path}: bytes 0-3 are {raw[:4].hex(' ')}, not the head of an idx file of unsigned bytes")
    axes = raw[3]
    values_at = 4 + 4 * axes
    if len(raw) < values_at:
        raise ValueError(f"{path}: ends at byte {len(raw)}, inside the {axes} sizes that end at byte {values_at}")
    shape = tuple(int(size) for size in np.frombuffer(raw, ">u4", axes, offset=4))
    if len(raw) != values_at + math.prod(shape):
        raise ValueError(
            f"{path}: shape {shape} needs {values_at + math.prod(shape)} bytes in all, the file has {len(raw)}"
        )
    return np.frombuffer(raw, np.uint8, offset=values_at).reshape(shape)
