"""`fit_interpolant`: learn the fields of a stochastic interpolant. The verb, and the oracle between mixtures."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from ..core import Method, Result, check_instance, check_key, raise_if_failed
from ..stats import GaussianMixture
from ._coupling import Coupling
from ._fields import AbstractFields, exact_fields
from ._interpolation import Interpolation
from ._path import AbstractPath, check_path


class Trained(NamedTuple):
    """What a method hands to the verb."""

    fields: AbstractFields
    losses: Any
    result: Any
    stats: dict[str, Any]


class AbstractInterpolantMethod(Method):
    """A method of `transport.fit_interpolant`."""

    @abc.abstractmethod
    def train(self, problem: Coupling, key: Any, progress: bool | None) -> Trained:
        """The fields of an interpolant of the coupling."""


def fit_interpolant(
    problem: Coupling,
    method: AbstractInterpolantMethod,
    *,
    key: Any,
    progress: bool | None = None,
    throw: bool = True,
) -> Interpolation:
    """Learn to carry one distribution to another, by the ODE or SDE of a stochastic interpolant.

    **Arguments:**

    - `problem`: the two distributions and their pairing.
    - `method`: `StochasticInterpolant()`, `FlowMatching()` or `ScoreDiffusion()`.
    - `key`: PRNG key; `progress`: as `show` of `core.progress`.
    - `throw`: raise when a loss is not finite; else look at `result`.

    **Returns:** an `Interpolation`, the same for every method.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when a loss is not finite.

    >>> import jax
    >>> from perturbax import transport
    >>> points = np.random.default_rng(0).normal(size=(500, 2)) + 3.0
    >>> method = transport.StochasticInterpolant(transport.OneSidedLinearPath(), hidden=(16,), steps=200, batch_size=64)
    >>> solved = transport.fit_interpolant(transport.Coupling(None, points), method, key=jax.random.key(0))
    >>> bool(abs(solved.sample(jax.random.key(1), 200).x.mean(0) - 3.0).max() < 1.0)
    True
    """
    check_instance("problem", problem, Coupling, "a transport.Coupling")
    check_instance("method", method, AbstractInterpolantMethod, "a method such as StochasticInterpolant()")
    trained = method.train(problem, check_key("key", key), progress)
    if throw:
        raise_if_failed(trained.result, f"fit_interpolant by {type(method).__name__}")
    return Interpolation(trained.fields, problem, np.asarray(trained.losses), trained.result, trained.stats)


def mixture_fields(
    first: GaussianMixture | None,
    second: GaussianMixture,
    path: AbstractPath,
    cross_covariances: Any = None,
) -> Interpolation:
    """The exact interpolant between two Gaussian mixtures: an oracle for solvers and for what is learnt.

    **Arguments:**

    - `first`, `second`: the mixtures; `first=None` for paths that start from noise or from `second` itself.
    - `path`: any path.
    - `cross_covariances`: `Cov(x_0, x_1)` within each pair of components, shape `(k0, k1, d, d)`; independent when
      `None`. Its draws are then still independent, so that `states` may be asked at the ends only.

    **Returns:** an `Interpolation`, with nothing to train.

    **Raises:** `ValueError` or `TypeError` when the arguments do not fit together.

    >>> from perturbax import stats, transport
    >>> ends = [stats.GaussianMixture([1.0], [[mean]], [[1.0]]) for mean in (0.0, 3.0)]
    >>> exact = mixture_fields(*ends, transport.LinearPath())
    >>> exact.velocity([[1.5]], 0.5).tolist()
    [[3.0]]
    """
    check_path(path)
    for name, mixture in (("first", first), ("second", second)):
        if mixture is not None or name == "second":
            check_instance(name, mixture, GaussianMixture, "a stats.GaussianMixture")
    if (first is None) == path.two_sided:
        wanted = "a mixture" if path.two_sided else "None"
        raise ValueError(f"first must be {wanted} for a {type(path).__name__}, got {type(first).__name__}")
    if first is not None and first.means.shape[1] != second.means.shape[1]:
        raise ValueError(
            f"second must have the {first.means.shape[1]} dimensions of first, got {second.means.shape[1]}"
        )
    if first is None and cross_covariances is not None:
        raise ValueError("cross_covariances must be None without a first mixture")
    fields = exact_fields(first, second, path, cross_covariances)
    coupling = Coupling(None if first is None else _Sampler(first), _Sampler(second))
    return Interpolation(fields, coupling, np.zeros(0), Result.successful, {"evaluations": 0})


class _Sampler(eqx.Module):
    """A mixture as an end of a coupling."""

    mixture: GaussianMixture

    def __call__(self, key: Any, n: int) -> Float[Array, "n d"]:
        return self.mixture.sample(key, n)
