"""Which parameters of a model with state-space layers are trained, and how fast."""

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

    def trained(node: Any) -> Any:
        every = jax.tree.map(lambda _: True, node)
        if not isinstance(node, AbstractSSM):
            return every
        none = jax.tree.map(lambda _: False, node)
        return eqx.tree_at(lambda n: (n.spectrum, n.log_dt), every, (none.spectrum, none.log_dt))

    return jax.tree.map(trained, model, is_leaf=lambda node: isinstance(node, AbstractSSM))


def optimizer(
    rate: Any, *, spectrum_rate: Any = 1e-3, weight_decay: float | int = 0.01
) -> optax.GradientTransformation:
    """AdamW, with a slower Adam without decay for the eigenvalues, `B` and steps of state-space layers, as is usual.

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
    def label(node: Any) -> Any:
        rest = jax.tree.map(lambda _: "rest", node)
        if not isinstance(node, AbstractSSM):
            return rest
        slow = jax.tree.map(lambda _: "slow", node)
        return eqx.tree_at(lambda n: (n.spectrum, n.B, n.log_dt), rest, (slow.spectrum, slow.B, slow.log_dt))

    return jax.tree.map(label, params, is_leaf=lambda node: isinstance(node, AbstractSSM))
