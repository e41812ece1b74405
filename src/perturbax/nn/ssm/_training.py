"""Which parameters of a model with state-space layers are trained, and how fast."""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import optax

from ...core import check_number
from ._layer import AbstractSSM


def frozen_spectrum(model: Any) -> Any:
    """A `filter_spec` for `core.fit`: everything is trained but the eigenvalues and steps of state-space layers.

    These two are where in frequency a layer can resonate.

    **Arguments:** `model`: with state-space layers anywhere in it.

    **Returns:** a pytree of booleans of the structure of `model`.

    >>> from perturbax.nn import ssm
    >>> spec = frozen_spectrum(ssm.S4D(2, ssm.s4d_lin(4), key=jax.random.key(0)))
    >>> spec.spectrum.frequency, spec.log_dt, spec.C
    (False, False, True)
    """

    return _marked(model, True, False, lambda layer: (layer.spectrum, layer.log_dt))


@functools.lru_cache(maxsize=32)
def optimizer(
    rate: Any, *, spectrum_rate: Any = 1e-3, weight_decay: float | int = 0.01
) -> optax.GradientTransformation:
    """AdamW, with a slower Adam without decay for the eigenvalues, `B` and steps of state-space layers, as is usual.

    One object for each setting, as `core.adam`: with another one, though of equal numbers, `core.fit` compiles again.

    **Arguments:** `rate`, `spectrum_rate`: learning rates or schedules; `weight_decay`: of the rest.

    **Returns:** an Optax gradient transformation.

    **Raises:** `ValueError` when `weight_decay` is negative.

    Source: Gu et al. 2022 (arXiv 2206.11893).

    >>> state = optimizer(1e-2).init({"w": jax.numpy.ones(2)})
    """
    weight_decay = check_number("weight_decay", weight_decay, minimum=0.0)
    return optax.multi_transform(
        {"slow": optax.adam(spectrum_rate), "rest": optax.adamw(rate, weight_decay=weight_decay)}, _labels
    )


def _labels(params: Any) -> Any:
    return _marked(params, "rest", "slow", lambda layer: (layer.spectrum, layer.B, layer.log_dt))


def _marked(tree: Any, mark: Any, other: Any, where: Callable[[Any], Any]) -> Any:
    """A mark for every leaf, and another one for those that `where` finds in state-space layers."""

    def of(node: Any) -> Any:
        every = jax.tree.map(lambda _: mark, node)
        if not isinstance(node, AbstractSSM):
            return every
        return eqx.tree_at(where, every, where(jax.tree.map(lambda _: other, node)))

    return jax.tree.map(of, tree, is_leaf=lambda node: isinstance(node, AbstractSSM))
