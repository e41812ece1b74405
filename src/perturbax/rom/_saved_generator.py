"""A boundary generator in a file: its arrays, and the names and sizes of what they belong to. Nothing is unpickled."""

import os
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import Result, check_instance, read_tree, write_tree
from ..nn import ConditionalMLP
from ._boundary_generator import BoundaryGenerator, Distance
from ._closed_curve import CurveGenerator
from ._trace_law import CopulaLaw, ModalLaw, NetworkLaw, StoredLaw

_LABEL = "a boundary generator of perturbax.rom"
_ARRAYS = ("varying", "centre", "parameter_centre", "parameter_scale", "parameters")
_LAWS = {"network": NetworkLaw, "modal": ModalLaw, "copula": CopulaLaw, "stored": StoredLaw}


def save_boundary_generator(path: str | os.PathLike[str], generator: BoundaryGenerator) -> None:
    """Write a generator, whole or not at all. The history of its training is left out.

    **Arguments:** `path`: of the file, in a folder that exists; `generator`: what `boundary_generator` returns.

    **Raises:** `TypeError` for a law of another kind; `OSError` when the file cannot be written.
    """
    check_instance("generator", generator, BoundaryGenerator, "what boundary_generator returns")
    law = check_instance("generator.law", generator.law, tuple(_LAWS.values()), "a law of a method of this package")
    tree = {
        "kind": next(name for name, cls in _LAWS.items() if type(law) is cls),
        "law": _law_tree(law),
        "units": [np.asarray(getattr(generator, name)) for name in _ARRAYS],
        "scale": float(generator.scale),
        "distance": None if generator.distance is None else list(generator.distance),
        "recall": generator.recall,
        "stats": {name: value for name, value in generator.stats.items() if isinstance(value, int | float)},
    }
    write_tree(path, tree, _LABEL)


def load_boundary_generator(path: str | os.PathLike[str]) -> BoundaryGenerator:
    """Read what `save_boundary_generator` wrote.

    **Raises:** `ValueError` when the file is damaged or another; `OSError` when it cannot be read.

    >>> import tempfile
    >>> from perturbax import rom
    >>> problem = rom.SubmodelProblem(np.random.default_rng(0).normal(size=(50, 3)))
    >>> made = rom.boundary_generator(problem, rom.PCAGaussian(), key=jax.random.key(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rom.save_boundary_generator(f"{folder}/g.npz", made)
    ...     again = rom.load_boundary_generator(f"{folder}/g.npz")
    >>> bool((again.generate(jax.random.key(1), n=4) == made.generate(jax.random.key(1), n=4)).all())
    True
    """
    tree = read_tree(path, _LABEL)
    try:
        units = dict(zip(_ARRAYS, tree["units"], strict=True))
        q = units["parameters"].shape[1]
        return BoundaryGenerator(
            law=_law(tree["kind"], tree["law"], q),
            scale=np.float64(tree["scale"]),
            distance=None if tree["distance"] is None else Distance(*tree["distance"]),
            recall=tree["recall"],
            history={},
            result=Result.successful,
            stats=tree["stats"],
            **units,
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{os.fspath(path)} holds no boundary generator that can be read: {error}") from None


def _law_tree(law: Any) -> dict[str, Any]:
    if isinstance(law, NetworkLaw):
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(law.network, eqx.is_array))]
        return {"latent": law.latent, "form": _form(law.network), "leaves": leaves}
    names = [name for name in ("modes", "slope", "root", "scores", "parameters", "traces") if hasattr(law, name)]
    tree: dict[str, Any] = {name: np.asarray(getattr(law, name)) for name in names}
    return {**tree, "neighbours": law.neighbours} if isinstance(law, StoredLaw) else tree


def _law(kind: str, tree: dict[str, Any], q: int) -> Any:
    if kind != "network":
        made = {name: jnp.asarray(value) if isinstance(value, np.ndarray) else value for name, value in tree.items()}
        return _LAWS[kind](**made)
    network = eqx.filter_eval_shape(_blank, tree["latent"], q, tree["form"])
    wanted = [leaf.shape for leaf in jax.tree.leaves(network)]
    found = [leaf.shape for leaf in tree["leaves"]]
    if wanted != found:
        raise ValueError(f"its layers must have shapes {wanted}, got {found}")
    leaves = [jnp.asarray(leaf) for leaf in tree["leaves"]]
    return NetworkLaw(jax.tree.unflatten(jax.tree.structure(network), leaves), tree["latent"])


def _form(network: Any) -> dict[str, list[int]]:
    """What kind of network it is, and the sizes to make one like it."""
    if isinstance(network, CurveGenerator):
        nodes, last = network.dense.bias.size // network.channels, network.layers[1]
        return {"curve": [nodes, last.linear.bias.size, network.channels, last.reach]}
    check_instance("generator.law.network", network, ConditionalMLP, "a perceptron, or one along a closed curve")
    return {"perceptron": [layer.bias.size for layer in network.network.layers]}


def _blank(latent: int, q: int, form: dict[str, list[int]]) -> Any:
    key = jax.random.key(0)
    if "curve" in form:
        return CurveGenerator(latent + q, *form["curve"], key=key)
    *hidden, size = form["perceptron"]
    return ConditionalMLP(latent, q, tuple(hidden), size, key=key)
