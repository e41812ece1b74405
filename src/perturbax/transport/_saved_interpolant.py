"""Trained interpolants in a file: numbers, names of paths and targets, nothing that is executed."""

import os
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import check_instance, read_tree, write_tree
from ..nn import MLP
from . import _latent, _path, _targets
from ._fields import NetworkFields, TimeNetwork

_LABEL = "an interpolant of perturbax.transport"
_KINDS = {
    cls.__name__: cls
    for module, base in (
        (_path, _path.AbstractPath),
        (_latent, _latent.AbstractLatentNoise),
        (_targets, _targets.AbstractTarget),
    )
    for cls in vars(module).values()
    if isinstance(cls, type) and issubclass(cls, base) and not cls.__name__.startswith("Abstract")
}


def save_fields(path: str | os.PathLike[str], fields: Any) -> None:
    """Write the fields of a network."""
    check_instance("fields", fields, NetworkFields, "those of a trained network")
    rows = fields.network.rows
    tree = {
        "path": _written(fields.path),
        "targets": [_written(target) for target in fields.targets],
        "layers": [np.asarray(part) for layer in rows.layers for part in (layer.weight, layer.bias)],
        "centre": np.asarray(fields.centre),
        "scale": float(fields.scale),
    }
    write_tree(path, tree, _LABEL)


def load_fields(path: str | os.PathLike[str]) -> NetworkFields:
    """Read what `save_fields` wrote.

    **Raises:** `ValueError` when the file is damaged or holds something else; `OSError` when it cannot be read.
    """
    tree = read_tree(path, _LABEL)
    try:
        layers = [jnp.asarray(part) for part in tree["layers"]]
        centre = jnp.asarray(tree["centre"])
        sizes = [weight.shape[0] for weight in layers[::2]]
        outputs = layers[-1].shape[0]
        like = eqx.filter_eval_shape(
            MLP, sizes[0], tuple(sizes[1:]), outputs, key=jax.random.key(0), activation=jax.nn.silu
        )
        if [leaf.shape for leaf in jax.tree.leaves(like)] != [leaf.shape for leaf in layers]:
            raise ValueError("the arrays of the layers do not fit each other")
        rows = jax.tree.unflatten(jax.tree.structure(like), layers)
        targets = tuple(_read(target) for target in tree["targets"])
        if outputs != len(targets) * centre.size:
            raise ValueError(f"{outputs} outputs do not fit {len(targets)} targets in {centre.size} dimensions")
        return NetworkFields(
            network=TimeNetwork(rows),
            centre=centre,
            scale=jnp.asarray(tree["scale"], centre.dtype),
            path=_read(tree["path"]),
            targets=targets,
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{path} holds no interpolant that can be read: {error}") from None


def _written(thing: Any) -> dict[str, Any]:
    name = type(thing).__name__
    if _KINDS.get(name) is not type(thing):
        raise TypeError(f"only paths, noises and targets of perturbax can be saved, got {name}")
    values = {key: value if isinstance(value, float | int) else _written(value) for key, value in vars(thing).items()}
    return {"kind": name, "values": values}


def _read(tree: Any) -> Any:
    values = {key: _read(value) if isinstance(value, dict) else value for key, value in tree["values"].items()}
    return _KINDS[tree["kind"]](**values)
