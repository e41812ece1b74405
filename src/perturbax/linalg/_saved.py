"""Networks of solvers in files: numbers and the sizes of the network, nothing that is executed."""

import os
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import check_instance, read_tree, write_tree
from ..nn import ResidualUNet

_LABEL = "a network of perturbax.linalg"


def save_network(path: str | os.PathLike[str], network: ResidualUNet) -> None:
    """Write a network to a file, whole or not at all.

    **Arguments:** `path`: ending with `.npz`; `network`: an `nn.ResidualUNet`, such as `fitted.method.network`.

    **Raises:** `TypeError` for another network, whose form could not be written down; `OSError` when the file cannot be
    written.
    """
    check_instance("network", network, ResidualUNet, "an nn.ResidualUNet")
    sizes = {"dimensions": network.dimensions, "width": network.width, "levels": network.levels}
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))]
    write_tree(path, {"sizes": sizes, "leaves": leaves}, _LABEL)


def load_network(path: str | os.PathLike[str]) -> ResidualUNet:
    """Read what `save_network` wrote. Nothing is unpickled.

    **Raises:** `ValueError` when the file is damaged or another; `OSError` when it cannot be read.

    >>> import pathlib, tempfile
    >>> from perturbax import linalg, nn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "network.npz"
    ...     linalg.save_network(path, nn.ResidualUNet(3, width=2, levels=1, key=jax.random.key(0)))
    ...     linalg.load_network(path).dimensions
    3
    """
    tree = read_tree(path, _LABEL)
    try:
        sizes: dict[str, Any] = dict(tree["sizes"])
        network = ResidualUNet(sizes["dimensions"], width=sizes["width"], levels=sizes["levels"], key=jax.random.key(0))
        arrays, rest = eqx.partition(network, eqx.is_inexact_array)
        leaves = [jnp.asarray(leaf) for leaf in tree["leaves"]]
        if [leaf.shape for leaf in leaves] != [leaf.shape for leaf in jax.tree.leaves(arrays)]:
            raise ValueError("the arrays do not fit the sizes of the network")
        return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), leaves), rest)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)} holds no network that can be read: {error}") from None
