"""A fitted generator in a file: its arrays, and the names and sizes of what they belong to. Nothing is unpickled."""

import os
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import check_instance, read_tree, write_tree
from ..nn import Linear
from ._fit_distribution import FittedDistribution
from ._latent import NormalLatent, UniformLatent
from ._latent_law import LatentLaw
from ._latent_likelihood import ImportanceWeighted, Quadrature
from ._sieve import ReLUNetwork

_LABEL = "a distribution fitted by perturbax.stats"
_LATENTS = {"uniform": UniformLatent, "normal": NormalLatent}
_LIKELIHOODS = {"quadrature": Quadrature, "importance": ImportanceWeighted}


def save_distribution(path: str | os.PathLike[str], fitted: FittedDistribution) -> None:
    """Write a distribution that `PerturbedMLE` fitted.

    **Arguments:** `path`: of the file, in a folder that exists; `fitted`: with a generator from `ReLUNetworks` or
    `AffineMaps`. Candidates and losses are not written.

    **Raises:** `TypeError` for another law or generator; `OSError` when the file cannot be written.
    """
    check_instance("fitted", fitted, FittedDistribution, "what fit_distribution returns")
    law: Any = check_instance("fitted.law", fitted.law, LatentLaw, "the law of a generator, by PerturbedMLE")
    tree = {
        "generator": _layers("fitted.law.generator", law.generator),
        "encoder": None if law.encoder is None else _layers("fitted.law.encoder", law.encoder),
        "latent": _name("fitted.law.latent", law.latent, _LATENTS),
        "dimension": law.latent.dimension,
        "likelihood": _name("fitted.law.likelihood", law.likelihood, _LIKELIHOODS),
        "points": law.likelihood.points if isinstance(law.likelihood, Quadrature) else law.likelihood.samples,
        "law": [np.asarray(part) for part in (law.sigma, law.centre, law.scale)],
        "sigma": fitted.sigma,
        "sigma_perturb": fitted.sigma_perturb,
        "singular": fitted.singular,
    }
    write_tree(path, tree, _LABEL)


def load_distribution(path: str | os.PathLike[str]) -> FittedDistribution:
    """Read what `save_distribution` wrote.

    **Raises:** `ValueError` when the file is damaged or another; `OSError` when it cannot be read.

    >>> import tempfile
    >>> from perturbax import stats
    >>> problem = stats.Observations(np.eye(3))
    >>> method = stats.PerturbedMLE(sigma=0.1, steps=2)
    >>> fitted = stats.fit_distribution(problem, method, key=jax.random.key(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stats.save_distribution(f"{folder}/law.npz", fitted)
    ...     again = stats.load_distribution(f"{folder}/law.npz")
    >>> bool((again.generate([[0.5]]) == fitted.generate([[0.5]])).all())
    True
    """
    tree = read_tree(path, _LABEL)
    try:
        sigma, centre, scale = (jnp.asarray(part) for part in tree["law"])
        law = LatentLaw(
            generator=_network(tree["generator"], tree["dimension"], len(centre)),
            encoder=None if tree["encoder"] is None else _network(tree["encoder"], len(centre), 2 * tree["dimension"]),
            latent=_LATENTS[tree["latent"]](tree["dimension"]),
            likelihood=_LIKELIHOODS[tree["likelihood"]](tree["points"]),
            sigma=sigma,
            centre=centre,
            scale=scale,
        )
        return FittedDistribution(law, tree["sigma"], tree["sigma_perturb"], tree["singular"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{os.fspath(path)} holds no distribution that can be read: {error}") from None


def _layers(name: str, network: Any) -> list[list[np.ndarray]]:
    check_instance(name, network, (ReLUNetwork, Linear), "from ReLUNetworks() or AffineMaps()")
    layers = network.layers if isinstance(network, ReLUNetwork) else (network,)
    return [[np.asarray(layer.weight), np.asarray(layer.bias)] for layer in layers]


def _network(layers: list[list[np.ndarray]], inputs: int, outputs: int) -> Any:
    made = []
    for weight, bias in layers:
        if weight.shape != (inputs, bias.size):
            raise ValueError(f"a layer of shape {weight.shape} does not fit {inputs} inputs and {bias.size} outputs")
        like = eqx.filter_eval_shape(Linear, *weight.shape, key=jax.random.key(0))
        made.append(
            eqx.tree_at(lambda layer: (layer.weight, layer.bias), like, (jnp.asarray(weight), jnp.asarray(bias)))
        )
        inputs = bias.size
    if inputs != outputs:
        raise ValueError(f"the last layer has {inputs} outputs, {outputs} are wanted")
    return made[0] if len(made) == 1 else ReLUNetwork(tuple(made))


def _name(argument: str, value: Any, known: dict[str, type]) -> str:
    check_instance(argument, value, tuple(known.values()), " or ".join(cls.__name__ for cls in known.values()))
    return next(name for name, cls in known.items() if isinstance(value, cls))
