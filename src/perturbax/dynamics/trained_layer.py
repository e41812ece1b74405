r"""A real layer between the given features and the classifier, trained by SGD.

    h_i = a(h0_i A + b),      f_i = h_i W^T
    min   sum_i |f_i - y_i|^2 / 2N + lambda_W |W|^2 / 2K + lambda_H |A|^2 / 2

What the model with `beta` idealises: the features that a layer can reach are near those that it is given.
"""

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from .. import nn
from ..core import Fit, Paper, check_integer, check_number, fit
from ._collapse_problem import CollapseProblem
from ._flow import AbstractFlowMethod, Path, PlainFeatures, needed_key
from ._papers import NEURAL_COLLAPSE


class TrainedLayer(AbstractFlowMethod):
    """Ordinary training of a layer of the same width and a classifier with weight decay, by SGD with momentum.

    The reference that is no model: `proximity` is not used, and `feature_decay` is that of the layer's weights.

    **Arguments:**

    - `steps`: of SGD; `points`: how many times at most the solution is kept, without the start.
    - `rate`, `momentum`: of SGD; `batch_size`: samples in a batch, all when there are fewer.
    - `activation`: of the layer.

    **Returns:** a frozen method for `dynamics.flow`, which needs a `key`. Times are steps, and `filter` is `None`.

    **Raises:** `TypeError`, `ValueError` for numbers out of range or no key; `SolverError`, when used, when a loss is
    not finite.

    Source: the practice that Tirer, Huang & Niles-Weed 2023, arXiv 2210.16658, compare their model with.

    >>> import jax, numpy as np
    >>> from perturbax import dynamics
    >>> h = np.random.default_rng(0).normal(size=(12, 3))
    >>> problem = dynamics.CollapseProblem(h, np.arange(12) % 3)
    >>> found = dynamics.flow(problem, dynamics.TrainedLayer(steps=20, points=4), key=jax.random.key(0))
    >>> found.times.tolist(), found.features.shape
    ([5.0, 10.0, 15.0, 20.0], (12, 3))
    """

    steps: int = 2000
    points: int = 20
    rate: float = 0.05
    momentum: float = 0.9
    batch_size: int = 128
    activation: Callable = jax.nn.relu

    papers: ClassVar[tuple[Paper, ...]] = (NEURAL_COLLAPSE,)

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=1)
        check_integer("points", self.points, minimum=1, maximum=self.steps)
        check_number("rate", self.rate, minimum=0.0, exclusive=True)
        check_number("momentum", self.momentum, minimum=0.0, maximum=1.0)
        check_integer("batch_size", self.batch_size, minimum=1)

    def follow(self, problem: CollapseProblem, key: Any) -> Path:
        model_key, fit_key = jax.random.split(needed_key(key, self))
        (n, d), classes = problem.features.shape, problem.means.shape[0]
        layer = nn.MLP(d, (d,), classes, key=model_key, activation=self.activation)
        H0, targets = jnp.asarray(problem.features), jax.nn.one_hot(problem.labels, classes, dtype=float)
        decays = jnp.array([problem.classifier_decay / classes, problem.feature_decay])
        # The classifier has no offset, as in the model.
        spec = eqx.tree_at(lambda net: net.layers[-1].bias, jax.tree.map(lambda _: True, layer), False)
        kept: list[tuple[int, Array, Array]] = []

        def keep(run: Fit) -> None:
            trained = run.model[0]
            kept.append((run.steps, trained.features(H0), trained.layers[-1].weight.T))

        done = fit(
            _loss,
            (layer, decays),
            (H0, targets),
            steps=self.steps,
            batch_size=self.batch_size if n > self.batch_size else None,
            optimizer=_sgd(self.rate, self.momentum),
            key=fit_key,
            filter_spec=(spec, False),
            chunk=-(-self.steps // self.points),
            callback=keep,
            progress=False,
            throw=False,
        )
        steps, features, classifiers = zip(*kept, strict=True)
        path = PlainFeatures(jnp.stack(features))
        return Path(np.array(steps), path, jnp.stack(classifiers), done.result, {"evaluations": done.steps})


def _loss(model: Any, batch: Any, key: Any) -> Array:
    layer, decays = model
    H0, targets = batch
    fitted = jnp.mean(jnp.sum((layer(H0) - targets) ** 2, 1))
    first, last = layer.layers
    return 0.5 * (fitted + decays[0] * jnp.sum(last.weight**2) + decays[1] * jnp.sum(first.weight**2))


@functools.lru_cache(maxsize=8)
def _sgd(rate: float, momentum: float) -> optax.GradientTransformation:
    """The same object for the same settings, or `fit` compiles anew."""
    return optax.sgd(rate, momentum)
