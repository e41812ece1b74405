"""Named arrays in a user's files: `.npz` and `.safetensors`. Nothing is unpickled."""

import zipfile
from pathlib import Path
from typing import Any


def load_archive(option: str, path: Path) -> dict[str, Any]:
    """The arrays of a file by their names, in its order. Raises `ValueError` with the option and the file."""
    if not path.is_file():
        raise ValueError(f"{option}: there is no file {path}")
    if path.suffix == ".safetensors":
        return _safetensors(option, path)
    if path.suffix == ".npz":
        return _npz(option, path)
    raise ValueError(f"{option}: {path} must be a .safetensors or .npz file")


def _safetensors(option: str, path: Path) -> dict[str, Any]:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ModuleNotFoundError:
        raise ModuleNotFoundError(f"{option} needs safetensors: pip install 'perturbax[safetensors]'") from None
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{option}: {path} is no readable .safetensors file ({error})") from None


def _npz(option: str, path: Path) -> dict[str, Any]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, EOFError, OSError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{option}: {path} is no readable .npz file of arrays ({error})") from None
