"""Preference pairs in files: a line of JSON per pair, and its images beside it.

    {"image_w": "0-better.png", "image_l": "0-worse.png", "prompt": "a fox in the snow",
     "caption_w": "a red fox on white ground", "caption_l": "a fox, blurred"}

Images are `.npy` files, or pictures that Pillow reads, whose bytes become -1 to 1; names are relative to the file.
Prompt and captions are texts, or what the network takes itself: an integer or a list of numbers. Each of the three is
in all lines or in none.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from perturbax import diffusion

from ._options import check_file

_IMAGES = {"image_w": "winner", "image_l": "loser"}
_CAPTIONS = {"prompt": "prompt", "caption_w": "winner_caption", "caption_l": "loser_caption"}


def load_pairs(path: Path, shape: tuple[int, ...] | None) -> diffusion.PreferencePairs:
    """The pairs of a file, with images of a shape; of the first image's when it is `None`.

    **Raises:** `ValueError` that names file and line.
    """
    check_file("--pairs", path)
    lines = [
        (f"--pairs {path}, line {number}", line)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if line.strip()
    ]
    if not lines:
        raise ValueError(f"--pairs: {path} holds no pairs")
    columns: dict[str, list[Any]] = {name: [] for name in (*_IMAGES, *_CAPTIONS)}
    first: set[str] | None = None
    for where, line in lines:
        pair = _parse(where, line)
        first = set(pair) if first is None else first
        if set(pair) != first:
            raise ValueError(
                f"{where}: has {', '.join(sorted(pair))}, but the first line has {', '.join(sorted(first))}"
            )
        for name, value in pair.items():
            if name in _IMAGES:
                value = _load_image(f"{where}: {name}", path.parent / str(value), shape)
                shape = value.shape if shape is None else shape
            columns[name].append(value)
    images = {field: np.stack(columns[name]) for name, field in _IMAGES.items()}
    captions = {field: _as_captions(f"--pairs {path}", name, columns[name]) for name, field in _CAPTIONS.items()}
    return diffusion.PreferencePairs(**images, **captions)


def _parse(where: str, line: str) -> dict[str, Any]:
    try:
        pair = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{where}: is no JSON ({error})") from None
    known = [*_IMAGES, *_CAPTIONS]
    if not isinstance(pair, dict) or not set(_IMAGES) <= set(pair) <= set(known):
        has = ", ".join(sorted(pair)) if isinstance(pair, dict) else type(pair).__name__
        raise ValueError(f"{where}: must be an object with image_w and image_l and of {', '.join(known)}, got {has}")
    return pair


def _load_image(where: str, path: Path, shape: tuple[int, ...] | None) -> np.ndarray:
    try:
        if path.suffix == ".npy":
            image = np.load(path, allow_pickle=False)
        else:
            from PIL import Image

            with Image.open(path) as picture:
                image = np.asarray(picture, np.float32) / 127.5 - 1.0 if picture.mode in ("L", "RGB", "RGBA") else None
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{where}: {path} cannot be read ({error})") from None
    if image is None or image.dtype.kind != "f":
        raise ValueError(f"{where}: {path} must hold floating numbers, or a picture in grey, RGB or RGBA")
    if shape is not None and image.shape != shape and image.ndim == 3 and image.transpose(2, 0, 1).shape == shape:
        image = image.transpose(2, 0, 1)  # a picture's channels are last, those of most networks first
    if shape is not None and image.shape != shape:
        raise ValueError(f"{where}: {path} has shape {image.shape}, wanted {shape}")
    return image.astype(np.float32)


def _as_captions(where: str, name: str, values: list[Any]) -> Any:
    if not values or all(isinstance(value, str) for value in values):
        return values or None
    try:
        array = np.asarray(values)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{where}: {name} must be texts, or numbers or lists of numbers of one length, in all lines")
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int32)
