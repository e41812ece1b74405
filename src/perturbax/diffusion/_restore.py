"""`restore`: solve an inverse problem with a diffusion model as the prior. The verb, its problem and its solution.

Known are measurements `y = A x + n` of an image `x`, with a linear operator `A` and normal noise `n` of a standard
deviation that may be 0; the prior of `x` is a diffusion model.
"""

import abc
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import (
    Method,
    Result,
    check_array,
    check_instance,
    check_integer,
    check_key,
    check_number,
    raise_if_failed,
)
from ..interop import namespace_of
from ..linalg import ConjugateGradients, conjugate_gradients
from ._denoise import ClassifierFree
from ._door import check_callable, place
from ._sample import Sampling

# A dot test in float32: rounding gives 1e-6, a wrong adjoint 1.
_ADJOINT_ERROR = 1e-3


class InverseProblem(eqx.Module):
    """The problem of finding images from measurements of them.

    **Arguments:**

    - `prior`: a `Sampling` problem, the diffusion model of the images; without a corrector, whose place the
      measurements take.
    - `operator`: `A`, a linear JAX function of one real image of shape `prior.shape`, such as `systems.MRI(...)` or the
      method `mv` of a Lineax operator; an object with a method `adjoint` is asked for it, otherwise the adjoint is had
      by transposition. Complex images are real ones of two channels: `systems.TwoChannel(...)`.
    - `y`: measurements, shape `(batch, ...)` with that of a measurement behind the batch, real or complex.
    - `noise_std`: standard deviation of the noise in `y` (of the real and of the imaginary part each), 0 for none.

    **Raises:** `TypeError`, `ValueError` when shapes or dtypes do not fit, a value is not finite, or the adjoint is
    none (by a dot test with random numbers).

    >>> from perturbax import diffusion
    >>> prior = diffusion.Sampling(lambda x, t: x, diffusion.VPLinear(), shape=(4,))
    >>> diffusion.InverseProblem(prior, lambda x: x[:2], y=np.ones((3, 2)), noise_std=0.1).batch
    3
    """

    prior: Sampling
    operator: Callable
    y: Any
    noise_std: float

    def __init__(self, prior: Sampling, operator: Callable, y: Any, noise_std: float | int = 0.0):
        self.prior = check_instance("prior", prior, Sampling, "a diffusion.Sampling problem")
        if prior.corrector is not None:
            raise ValueError("prior must have no corrector: the measurements take its place")
        check_callable("operator", operator, "operator(x)")
        self.operator = operator
        self.noise_std = check_number("noise_std", noise_std, minimum=0.0)
        image = jax.ShapeDtypeStruct(prior.shape, jnp.float32)
        try:
            measured = jax.eval_shape(operator, image)
        except (TypeError, ValueError) as error:
            raise ValueError(f"operator must take an image of the prior's shape {prior.shape}: {error}") from None
        y = jnp.asarray(check_array("y", y, shape=(None, *measured.shape), kind="number"))
        if jnp.issubdtype(y.dtype, jnp.complexfloating) and not jnp.issubdtype(measured.dtype, jnp.complexfloating):
            raise TypeError(f"y is complex, and operator gives real numbers of dtype {measured.dtype}")
        self.y = y.astype(measured.dtype)
        self._check_adjoint(measured)

    @property
    def batch(self) -> int:
        """Number of measurements."""
        return self.y.shape[0]

    def forward(self, x: Array) -> Array:
        """`A x` of a batch of images."""
        return jax.vmap(self.operator)(x)

    def adjoint(self, y: Array) -> Float[Array, "batch ..."]:
        """`A* y` of a batch of measurements, with respect to the real inner product."""
        return jax.vmap(self._adjoint)(y)

    def normal(self, x: Array) -> Array:
        """`A* A x` of one image."""
        return self._adjoint(self.operator(x))

    def pseudo_inverse(self, y: Array, max_steps: int = 100, weight: Any = 0.0) -> ConjugateGradients:
        """`argmin |y - A x|^2 + weight |x|^2` of a batch by conjugate gradients from 0; for weight 0 it is `A^+ y`."""
        return _least_squares(without_recompiling(self), y, max_steps, jnp.asarray(weight, jnp.float32))

    def repeat(self, count: int) -> "InverseProblem":
        """The problem with all of its measurements, and the conditions that belong to them, `count` times in a row."""
        batch = self.batch

        def tile(leaf: Any) -> Any:
            if np.ndim(leaf) == 0 or leaf.shape[0] != batch or batch == 1:
                return leaf
            return (jnp if isinstance(leaf, jax.Array) else namespace_of(leaf)).concatenate([leaf] * count)  # type: ignore[attr-defined]

        prior = self.prior
        if prior.condition is not None:
            prior = eqx.tree_at(lambda p: p.condition, prior, jax.tree.map(tile, prior.condition))
        if isinstance(prior.guidance, ClassifierFree):
            others = jax.tree.map(tile, prior.guidance.unconditional)
            prior = eqx.tree_at(lambda p: p.guidance, prior, ClassifierFree(prior.guidance.scale, others))
        return eqx.tree_at(lambda p: (p.prior, p.y), self, (prior, jnp.concatenate([self.y] * count)))

    def residual(self, x: Array) -> Float[Array, " batch"]:
        """`|y - A x|` of each image, over the norm of `y`."""
        axes = tuple(range(1, self.y.ndim))

        def norm(z: Array) -> Array:
            return jnp.sqrt(jnp.sum(jnp.abs(z) ** 2, axes))

        return norm(self.y - self.forward(x)) / jnp.maximum(norm(self.y), jnp.finfo(jnp.float32).tiny)

    def _adjoint(self, y: Array) -> Array:
        if hasattr(self.operator, "adjoint"):
            return self.operator.adjoint(y)
        image = jax.ShapeDtypeStruct(self.prior.shape, jnp.float32)
        return jnp.conj(jax.linear_transpose(self.operator, image)(jnp.conj(y))[0])

    def _check_adjoint(self, measured: Any) -> None:
        random = np.random.default_rng(0)
        x = jnp.asarray(random.normal(size=self.prior.shape), jnp.float32)
        y = random.normal(size=measured.shape) + (
            1j * random.normal(size=measured.shape) if jnp.issubdtype(measured.dtype, jnp.complexfloating) else 0.0
        )
        y = jnp.asarray(y, measured.dtype)
        back = self._adjoint(y)
        if jnp.issubdtype(back.dtype, jnp.complexfloating):
            raise TypeError(
                "operator must take real images, and its adjoint gives complex ones: the prior's images are real, so "
                "give it two channels and wrap the operator into systems.TwoChannel"
            )
        if back.shape != x.shape:
            raise ValueError(f"operator.adjoint must return the shape of an image, {x.shape}, got {back.shape}")
        image = self.operator(x)
        left, right = float(jnp.vdot(image, y).real), float(jnp.vdot(x, back).real)
        scale = float(jnp.linalg.norm(image.ravel()) * jnp.linalg.norm(y.ravel()))
        if abs(left - right) > _ADJOINT_ERROR * max(scale, np.finfo(np.float32).tiny):
            raise ValueError(
                f"operator.adjoint is not the adjoint of operator: <A x, y> is {left:.6g} and <x, A* y> {right:.6g}"
            )


def without_recompiling(problem: InverseProblem) -> InverseProblem:
    """The problem with its level of noise as an array, so that another level is no other program."""
    return eqx.tree_at(lambda p: p.noise_std, problem, jnp.asarray(problem.noise_std, jnp.float32))


@eqx.filter_jit
def _least_squares(problem: InverseProblem, y: Array, max_steps: int, weight: Array) -> ConjugateGradients:
    def solve(b: Array) -> ConjugateGradients:
        return conjugate_gradients(lambda x: problem.normal(x) + weight * x, b, max_steps=max_steps, rtol=1e-5)

    return jax.vmap(solve)(problem.adjoint(y))


class Restoration(eqx.Module):
    """What `restore` returns.

    - `x`: shape `(batch, *shape)`, or `(num_samples, batch, *shape)` when several were asked for.
    - `residual`: `|y - A x| / |y|` of each; `result`: how it went.
    - `stats`: `"evaluations"` of the network and `"network_gradients"` (evaluations that were differentiated), in calls
      on one image for each measurement, so that several samples cost their sum; `"operator_applications"` of `A* A` for
      each image, where the method makes any.
    - `residuals`: with `trajectory=True` the residual of the data prediction at every evaluation, with a leading axis.
    """

    x: Any
    residual: Float[Array, "*batch"]
    result: Any
    stats: dict[str, Any]
    residuals: Float[Array, "evaluations *batch"] | None = None

    @property
    def mean(self) -> Any:
        """The mean over samples: nearer to the posterior mean than any of them."""
        return self.x if self.x.ndim == self.residual.ndim else self.x.mean(0)


class Run(NamedTuple):
    """What a method is given besides the problem: the key, a start or `None`, what to keep, where to compute."""

    key: Any
    x_T: Any = None
    trajectory: bool = False
    sharding: Any = None


class Restored(eqx.Module):
    """What a method hands to the verb; `previews` are the data predictions along the way, where there are any."""

    x: Any
    result: Any
    stats: dict[str, Any]
    previews: Any = None


class AbstractRestoration(Method):
    """A method of `diffusion.restore`."""

    @abc.abstractmethod
    def solve(self, problem: InverseProblem, run: Run) -> Restored:
        """One image for each measurement. A start of the run chooses the framework of the sampler."""


def restore(
    problem: InverseProblem,
    method: AbstractRestoration,
    *,
    key: Any,
    num_samples: int | None = None,
    x_T: Any = None,
    trajectory: bool = False,
    sharding: jax.sharding.Sharding | None = None,
    throw: bool = True,
) -> Restoration:
    """Restore images from linear measurements.

    **Arguments:**

    - `problem`: prior, operator and measurements; `method`: such as `DDS()`; `key`: JAX PRNG key.
    - `num_samples`: several restorations of each measurement in one batch, along a leading axis; their mean is nearer
      to the posterior mean. One, without that axis, when `None`.
    - `x_T`: where to start, shape `(batch, *shape)`, or `(num_samples * batch, *shape)`; for a network of another
      framework its arrays, as for `sample`. Methods that differentiate the network need JAX.
    - `trajectory`: also tell how well the data prediction of every evaluation meets the measurements.
    - `sharding`: where to put measurements and starts in JAX, such as over devices along the batch, or along the slices
      of volumes.
    - `throw`: raise when the network gives a non-finite output; else look at `result`.

    **Returns:** a `Restoration`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when the network gives a
    non-finite output. Warns when measurements said to be free of noise cannot be met.

    >>> from perturbax import diffusion
    >>> process = diffusion.VPLinear()
    >>> exact = lambda x, t: process.sigma(t) * x / (process.alpha(t) ** 2 + process.sigma(t) ** 2)  # data N(0, I)
    >>> prior = diffusion.Sampling(exact, process, shape=(4,))
    >>> problem = diffusion.InverseProblem(prior, lambda x: x[:2], y=np.array([[1.0, -1.0]]))
    >>> diffusion.restore(problem, diffusion.DDS(), key=jax.random.key(0)).x[0, :2].round(2).tolist()
    [1.0, -1.0]
    """
    check_instance("problem", problem, InverseProblem, "a diffusion.InverseProblem")
    check_instance("method", method, AbstractRestoration, "a method such as DDS()")
    check_key("key", key)
    every = problem
    if num_samples is not None:
        every = problem.repeat(check_integer("num_samples", num_samples, minimum=1))
    if x_T is not None and (not hasattr(x_T, "shape") or x_T.shape[:1] != (every.batch,)):
        raise ValueError(
            f"x_T must have one start for each of the {every.batch} restorations, got {getattr(x_T, 'shape', x_T)}"
        )
    if sharding is not None:
        every = eqx.tree_at(lambda p: p.y, every, place(every.y, sharding))
    done = method.solve(every, Run(key, x_T, trajectory, sharding))
    if throw:
        raise_if_failed(done.result, type(method).__name__)
    if trajectory and done.previews is None:
        raise ValueError(f"trajectory has no meaning for {type(method).__name__}, which evaluates no network")
    each = (every.batch,) if num_samples is None else (num_samples, problem.batch)
    residual = _residuals(every, done.x).reshape(each)
    residuals = None
    if trajectory:
        residuals = jnp.stack([_residuals(every, preview).reshape(each) for preview in done.previews])
    _warn_of_noise(problem, residual)
    count = every.batch // problem.batch
    counted = {name: n.reshape(each) if np.ndim(n) else count * n for name, n in done.stats.items()}
    x = done.x.reshape(*each, *problem.prior.shape)
    return Restoration(x, residual, done.result, counted, residuals)


def _residuals(problem: InverseProblem, x: Any) -> Float[Array, " batch"]:
    return problem.residual(x if isinstance(x, jax.Array) else jnp.asarray(np.asarray(x), jnp.float32))


# Measurements that a good restoration leaves unmet by more than this share of their norm are not free of noise.
_UNMET = 0.1


def _warn_of_noise(problem: InverseProblem, residual: Any) -> None:
    if problem.noise_std == 0.0 and not isinstance(residual, Tracer) and float(residual.max()) > _UNMET:
        warnings.warn(
            f"the measurements are met to {float(residual.max()):.2g} of their norm only: if they are noisy, say so by "
            "noise_std",
            stacklevel=3,
        )


def no_network(x: Array, applications: Any = None) -> Restored:
    """What a method without a network hands back."""
    stats = {"evaluations": 0, "network_gradients": 0}
    if applications is not None:
        stats["operator_applications"] = applications
    return Restored(x, Result.successful, stats)
