"""Samples as pictures: a sheet of tiles, and a strip of methods by numbers of evaluations."""

import io
import math
from collections.abc import Sequence

import numpy as np


def tile_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Height, width and channels (1, 3 or 4) of a sample as a picture, channels first or last, or a flat square.

    **Raises:** `ValueError` when the shape is no picture's.
    """
    if len(shape) == 1 and math.isqrt(shape[0]) ** 2 == shape[0]:
        return math.isqrt(shape[0]), math.isqrt(shape[0]), 1
    if len(shape) == 2:
        return shape[0], shape[1], 1
    if len(shape) == 3 and shape[0] in (1, 3, 4):
        return shape[1], shape[2], shape[0]
    if len(shape) == 3 and shape[2] in (1, 3, 4):
        return shape[0], shape[1], shape[2]
    raise ValueError(
        f"samples of shape {shape} are no pictures: wanted (h, w), (c, h, w) or (h, w, c) with c = 1, 3, 4"
    )


def sheet(x: np.ndarray, columns: int | None = None, gap: int = 1) -> np.ndarray:
    """Samples with values in [-1, 1] as one picture of tiles, bytes of shape `(height, width[, channels])`.

    Values outside are clipped; the tiles are enlarged by repetition until one is 64 pixels wide or more.
    """
    height, width, channels = tile_shape(x.shape[1:])
    channels_first = x.ndim == 4 and x.shape[1] in (1, 3, 4)
    tiles = np.moveaxis(x, 1, -1) if channels_first else x.reshape(-1, height, width, channels)
    tiles = np.round((np.clip(tiles, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
    columns = min(len(tiles), columns or math.ceil(math.sqrt(len(tiles))))
    rows = math.ceil(len(tiles) / columns)
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), 255, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = tile
    factor = math.ceil(64 / width)
    canvas = canvas.repeat(factor, axis=0).repeat(factor, axis=1)
    return canvas[..., 0] if channels == 1 else canvas


def encode_png(picture: np.ndarray) -> bytes:
    """Bytes of a picture as a PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def strip(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[np.ndarray]],
    captions: Sequence[Sequence[str]],
) -> bytes:
    """A PNG with a row of cells for each method; a cell is a sheet of samples, four to a line, with a caption."""
    from matplotlib.figure import Figure

    height, width = sheet(cells[0][0], columns=4).shape[:2]
    side = 1.6
    figure = Figure(
        figsize=(side * len(columns) + 1.5, (side * height / width + 0.3) * len(rows) + 0.3), layout="constrained"
    )
    axes = figure.subplots(len(rows), len(columns), squeeze=False)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            axis = axes[i, j]
            axis.set(xticks=[], yticks=[])
            axis.set_frame_on(False)
            axis.imshow(sheet(cells[i][j], columns=4), cmap="gray", vmin=0, vmax=255)
            axis.set_xlabel(captions[i][j], fontsize=8)
            if i == 0:
                axis.set_title(column, fontsize=9)
            if j == 0:
                axis.set_ylabel(row.replace(":", "\n"), fontsize=9, rotation=0, ha="right", va="center")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
