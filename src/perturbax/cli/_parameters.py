"""Parameters of a user's model from files, as the option `--params` names them."""

from pathlib import Path
from typing import Any


def load_parameters(path: Path) -> dict[str, Any]:
    """The arrays of a .safetensors or .npz file by their names.

    **Raises:** `ValueError` when there is no such file, or it is damaged or of another kind.
    """
    import jax.numpy as jnp

    from ._arrays import load_archive

    return {name: jnp.asarray(array) for name, array in load_archive("--params", path).items()}
