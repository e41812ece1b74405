"""Trained denoisers in files: numbers and the sizes of the network, nothing that is executed."""

import os
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import check_instance, read_tree, write_tree
from ..nn import EDMPreconditioned, ResidualMLP
from ._door import settle_shape
from ._poisson_flow import PoissonFlow

_FILE, _LABEL = "denoiser.npz", "a denoiser of perturbax.diffusion"
_ADAPTER_FILE, _ADAPTER_LABEL = "adapter.npz", "trained arrays of a model of perturbax.diffusion"


class SavedDenoiser(eqx.Module):
    """A denoiser on rows, the number of extra dimensions `D` of the noise that it was trained on (infinite for normal
    noise), and the shape of one sample."""

    denoiser: EDMPreconditioned
    D: float
    shape: tuple[int, ...]

    @property
    def process(self) -> PoissonFlow:
        """The process to sample."""
        return PoissonFlow(self.D)


def save_denoiser(folder: str | os.PathLike[str], denoiser: EDMPreconditioned, shape: Any, D: float) -> None:
    """Write a trained denoiser to a folder, which is made when it is not there.

    **Arguments:** `folder`; `denoiser`: what `diffusion.fit` trained of an `nn.ResidualMLP`; `shape`: of one sample;
    `D`: of the noise, infinite for normal noise.

    **Raises:** `TypeError` for another network; `OSError` when the folder cannot be written.
    """
    check_instance("denoiser", denoiser, EDMPreconditioned, "a denoiser, such as the ema_model of diffusion.fit")
    network = denoiser.network
    check_instance("denoiser.network", network, ResidualMLP, "an nn.ResidualMLP, whose form can be written down")
    size = network.outputs.bias.shape[0]
    classes, width = network.labels.shape
    tree = {
        "network": {"size": size, "width": width, "blocks": len(network.blocks), "classes": classes},
        "leaves": [np.asarray(leaf) for leaf in jax.tree.leaves(network)],
        "sigma_data": float(denoiser.sigma_data),
        "centre": np.broadcast_to(np.asarray(denoiser.centre), (size,)),
        "shape": settle_shape(shape),
        "D": float(D),
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_tree(folder / _FILE, tree, _LABEL)


def load_denoiser(folder: str | os.PathLike[str]) -> SavedDenoiser:
    """Read what `save_denoiser` wrote. Nothing is unpickled.

    **Raises:** `ValueError` when the file is damaged or another; `OSError` when it cannot be read.

    >>> import tempfile
    >>> from perturbax import diffusion, nn
    >>> denoiser = nn.EDMPreconditioned(nn.ResidualMLP(4, width=8, blocks=1, key=jax.random.key(0)), 0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     diffusion.save_denoiser(folder, denoiser, (2, 2), D=128.0)
    ...     diffusion.load_denoiser(folder).shape
    (2, 2)
    """
    path = Path(folder) / _FILE
    tree = read_tree(path, _LABEL)
    try:
        sizes = dict(tree["network"])
        like = eqx.filter_eval_shape(ResidualMLP, sizes.pop("size"), **sizes, key=jax.random.key(0))
        leaves = [jnp.asarray(leaf) for leaf in tree["leaves"]]
        wanted = [leaf.shape for leaf in jax.tree.leaves(like)]
        if [leaf.shape for leaf in leaves] != wanted:
            raise ValueError("the arrays do not fit the sizes of the network")
        network = jax.tree.unflatten(jax.tree.structure(like), leaves)
        denoiser = EDMPreconditioned(network, tree["sigma_data"], jnp.asarray(tree["centre"]))
        return SavedDenoiser(denoiser, tree["D"], tuple(tree["shape"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no denoiser that can be read: {error}") from None


def save_adapter(folder: str | os.PathLike[str], model: Any, filter_spec: Any = None) -> None:
    """Write the trained arrays of a model to a folder, each under its path in the model.

    **Arguments:** `folder`: made when it is not there; `model`: a pytree, such as `Aligned.model`; `filter_spec`: the
    one that it was trained with; what is `False` in it is not written. `None` writes all floating arrays.

    **Raises:** `OSError` when the folder cannot be written.
    """
    chosen = model if filter_spec is None else eqx.filter(model, filter_spec)
    leaves = jax.tree.leaves_with_path(eqx.filter(chosen, eqx.is_inexact_array))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_tree(folder / _ADAPTER_FILE, {jax.tree_util.keystr(path): leaf for path, leaf in leaves}, _ADAPTER_LABEL)


def load_adapter(folder: str | os.PathLike[str], model: Any) -> Any:
    """The model with the arrays that `save_adapter` wrote in the place of its own. Nothing is unpickled.

    **Arguments:** `folder`; `model`: of the same structure as the one that was written.

    **Returns:** the model.

    **Raises:** `ValueError` when the file is damaged, or its arrays have no place in the model; `OSError` when it
    cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_adapter(folder, {"a": jnp.ones(2), "b": jnp.ones(3)}, {"a": True, "b": False})
    ...     load_adapter(folder, {"a": jnp.zeros(2), "b": jnp.zeros(3)})["a"].tolist()
    [1.0, 1.0]
    """
    path = Path(folder) / _ADAPTER_FILE
    arrays = dict(read_tree(path, _ADAPTER_LABEL))

    def replaced(at: Any, leaf: Any) -> Any:
        array = arrays.pop(jax.tree_util.keystr(at), None)
        if array is None:
            return leaf
        if array.shape != jnp.shape(leaf):
            raise ValueError(
                f"{path} has an array of shape {array.shape} for {jax.tree_util.keystr(at)} of the model, "
                f"which has shape {jnp.shape(leaf)}"
            )
        return jnp.asarray(array)

    model = jax.tree_util.tree_map_with_path(replaced, model)
    if arrays:
        raise ValueError(f"{path} has arrays for {', '.join(sorted(arrays))}, which the model has not")
    return model
