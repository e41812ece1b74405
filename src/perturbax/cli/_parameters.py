"""Parameters of a user's model from a file, as the option `--params` names it."""

from pathlib import Path
from typing import Any

from ._options import check_file


def load_parameters(path: Path) -> dict[str, Any]:
    """The arrays of a .safetensors or .npz file by their names.

    **Raises:** `ValueError` when there is no such file, or it is damaged or of another kind.
    """
    import jax.numpy as jnp

    from ._arrays import load_npz

    check_file("--params", path)
    if path.suffix not in (".safetensors", ".npz"):
        raise ValueError(f"--params: {path} must be a .safetensors or .npz file")
    arrays = load_npz("--params", path) if path.suffix == ".npz" else _safetensors(path)
    return {name: jnp.asarray(array) for name, array in arrays.items()}


def _safetensors(path: Path) -> dict[str, Any]:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ModuleNotFoundError:
        raise ModuleNotFoundError("--params needs safetensors: pip install 'perturbax[safetensors]'") from None
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"--params: {path} is no readable .safetensors file ({error})") from None
