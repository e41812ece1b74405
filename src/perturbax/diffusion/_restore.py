"""`restore`: solve an inverse problem with a diffusion model as the prior. The verb, its problem and its solution.

Known are measurements `y = A x + n` of an image `x`, with a linear operator `A` and normal noise `n` of a standard
deviation that may be 0; the prior of `x` is a diffusion model.
"""

import abc
import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import Method, check_array, check_instance, check_integer, check_key, check_number, raise_if_failed
from ..linalg import conjugate_gradients
from ._door import check_callable
from ._sample import Sampling

# A dot test in float32: rounding gives 1e-6, a wrong adjoint 1.
_ADJOINT_ERROR = 1e-3


class InverseProblem(eqx.Module):
    """The problem of finding images from measurements of them.

    **Arguments:**

    - `prior`: a `Sampling` problem, the diffusion model of the images; without a corrector, whose place the
      measurements take.
    - `operator`: `A`, a linear JAX function of one image of shape `prior.shape`, such as `systems.MRI(...)`; an object
      with a method `adjoint` is asked for it, otherwise the adjoint is had by transposition.
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

    def pseudo_inverse(self, y: Array, max_steps: int = 100) -> Float[Array, "batch ..."]:
        """`A^+ y` of a batch, by conjugate gradients from 0."""

        def solve(b: Array) -> Array:
            return conjugate_gradients(self.normal, b, max_steps=max_steps, rtol=1e-5).x

        return jax.vmap(solve)(self.adjoint(y))

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
        if back.shape != x.shape:
            raise ValueError(f"operator.adjoint must return the shape of an image, {x.shape}, got {back.shape}")
        image = self.operator(x)
        left, right = float(jnp.vdot(image, y).real), float(jnp.vdot(x, back).real)
        scale = float(jnp.linalg.norm(image.ravel()) * jnp.linalg.norm(y.ravel()))
        if abs(left - right) > _ADJOINT_ERROR * max(scale, np.finfo(np.float32).tiny):
            raise ValueError(
                f"operator.adjoint is not the adjoint of operator: <A x, y> is {left:.6g} and <x, A* y> {right:.6g}"
            )


class Restoration(eqx.Module):
    """What `restore` returns.

    - `x`: shape `(batch, *shape)`, or `(samples, batch, *shape)` when several were asked for.
    - `residual`: `|y - A x| / |y|` of each; `result`: how it went.
    - `stats`: `"evaluations"` of the network and `"network_gradients"` (evaluations that were differentiated), for all
      samples together.
    """

    x: Any
    residual: Float[Array, "*batch"]
    result: Any
    stats: dict[str, Any]

    @property
    def mean(self) -> Any:
        """The mean over samples: nearer to the posterior mean than any of them."""
        return self.x if self.x.ndim == self.residual.ndim else self.x.mean(0)


class Restored(eqx.Module):
    """What a method hands to the verb."""

    x: Any
    result: Any
    stats: dict[str, Any]


class AbstractRestoration(Method):
    """A method of `diffusion.restore`."""

    @abc.abstractmethod
    def solve(self, problem: InverseProblem, key: Any, x_T: Any) -> Restored:
        """One image for each measurement. `x_T` starts the sampler where it is given, and chooses its framework."""


def restore(
    problem: InverseProblem,
    method: AbstractRestoration,
    *,
    key: Any,
    samples: int | None = None,
    x_T: Any = None,
) -> Restoration:
    """Restore images from linear measurements.

    **Arguments:**

    - `problem`: prior, operator and measurements; `method`: such as `DDS()`; `key`: JAX PRNG key.
    - `samples`: several restorations of each measurement, along a leading axis; their mean is nearer to the posterior
      mean. One, without that axis, when `None`.
    - `x_T`: where to start, shape `(batch, *shape)`; for a network of another framework its arrays, as for `sample`.
      Methods that differentiate the network need JAX.

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
    if x_T is not None and len(x_T) != problem.batch:
        raise ValueError(f"x_T must have one start for each of the {problem.batch} measurements, got {len(x_T)}")
    count = 1 if samples is None else check_integer("samples", samples, minimum=1)
    keys = [key] if samples is None else [jax.random.fold_in(key, i) for i in range(count)]
    runs = [method.solve(problem, key, x_T) for key in keys]
    for run in runs:
        raise_if_failed(run.result, type(method).__name__)
    x = runs[0].x if samples is None else np.stack([np.asarray(run.x) for run in runs])
    stats = {name: count * spent for name, spent in runs[0].stats.items()}
    flat = jnp.asarray(np.asarray(x), jnp.float32).reshape(-1, problem.batch, *problem.prior.shape)
    residual = jnp.stack([problem.residual(one) for one in flat])
    residual = residual[0] if samples is None else residual
    if problem.noise_std == 0.0 and not isinstance(residual, Tracer) and float(residual.max()) > 0.1:
        warnings.warn(
            f"the measurements are met to {float(residual.max()):.2g} of their norm only: if they are noisy, say so by "
            "noise_std",
            stacklevel=2,
        )
    return Restoration(x, residual, runs[0].result, stats)
