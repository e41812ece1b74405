"""Parameters and data of a user's model from files, as the options `--params` and `--data` name them."""

from pathlib import Path
from typing import Any


def load_parameters(path: Path) -> dict[str, Any]:
    """The arrays of a .safetensors or .npz file by their names.

    **Raises:** `ValueError` when there is no such file, or it is damaged or of another kind.
    """
    import jax.numpy as jnp

    if path.suffix not in (".safetensors", ".npz"):
        _need(path, "--params")
        raise ValueError(f"--params: {path} must be a .safetensors or .npz file")
    arrays = load_npz("--params", path) if path.suffix == ".npz" else _safetensors(path)
    return {name: jnp.asarray(array) for name, array in arrays.items()}


def load_npz(option: str, path: Path) -> dict[str, Any]:
    """The arrays of an .npz file by their names.

    **Raises:** `ValueError` with the option when there is no such file or it is damaged.
    """
    import zipfile

    import numpy as np

    _need(path, option)
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, EOFError, OSError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{option}: {path} is no readable .npz file of arrays ({error})") from None


def _safetensors(path: Path) -> dict[str, Any]:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ModuleNotFoundError:
        raise ModuleNotFoundError("--params needs safetensors: pip install 'perturbax[safetensors]'") from None
    _need(path, "--params")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"--params: {path} is no readable .safetensors file ({error})") from None


def _need(path: Path, option: str) -> None:
    if not path.is_file():
        raise ValueError(f"{option}: there is no file {path}")
