r"""Least squares at a point: a model with its data, its per-sample gradients, and products with its two Hessians.

    L(theta) = 1/(2n) sum_i |f(x_i; theta) - y_i|^2,      J_i = df(x_i; theta)/dtheta,      H = 1/n sum_i J_i^T J_i

`H` is the Gauss-Newton matrix. The Hessian of `L` has the second derivatives of `f` times the residuals besides, and is
equal to it where all residuals are zero.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from .. import linalg
from ..core import check_array


def call(model: Any, x: Any) -> Any:
    """`model(x)`."""
    return model(x)


class LeastSquares(eqx.Module):
    """A model and the data that it is fitted to by least squares.

    **Arguments:**

    - `model`: a pytree, such as an Equinox module; its floating arrays are the parameters.
    - `inputs`: shape `(n, ...)`; `targets`: shape `(n, ...)`, what the model should return for each input.
    - `apply`: `apply(model, x)` for one input, traceable; `model(x)` by default. A function of a module, and no new
      lambda for each call, which would be compiled anew.

    **Raises:** `TypeError`, `ValueError` for data that do not fit together or to what the model returns, a model
    without floating arrays, or values that are not finite.

    >>> import jax
    >>> from perturbax import nn, optimize
    >>> model = nn.MLP(2, (3,), 1, key=jax.random.key(0))
    >>> optimize.LeastSquares(model, jnp.ones((5, 2)), jnp.ones((5, 1))).gradients().shape
    (5, 1, 13)
    """

    model: Any
    inputs: Any
    targets: Any
    apply: Callable[[Any, Any], Any]

    def __init__(self, model: Any, inputs: Any, targets: Any, apply: Callable[[Any, Any], Any] = call):
        if not callable(apply):
            raise TypeError(f"apply must be callable as apply(model, x), got {type(apply).__name__}")
        leaves = jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))
        if not leaves:
            raise TypeError(f"model must be a pytree with floating arrays, got {type(model).__name__}")
        for leaf in leaves:
            check_array("model", leaf, nonempty=False)
        self.model, self.apply = model, apply
        self.inputs = _on_device(check_array("inputs", inputs, kind="number"))
        self.targets = _on_device(check_array("targets", targets))
        if self.inputs.ndim == 0 or self.targets.ndim == 0 or len(self.inputs) != len(self.targets):
            raise ValueError(
                f"targets must have a row for each of inputs, got shapes {self.targets.shape} and {self.inputs.shape}"
            )
        given = eqx.filter_eval_shape(apply, model, self.inputs[0]).shape
        if given != self.targets.shape[1:]:
            raise ValueError(
                f"targets must have the shape that the model returns, {given}, got {self.targets.shape[1:]} a sample"
            )

    @property
    def size(self) -> int:
        """The number of parameters."""
        return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(self.model, eqx.is_inexact_array)))

    @property
    def outputs(self) -> int:
        """The number of outputs of a sample."""
        return int(self.targets[0].size)

    def loss(self) -> Float[Array, ""]:
        """`L`."""
        return _loss(self)

    def gradients(self) -> Float[Array, "n outputs parameters"]:
        """`J_i` of every sample, by reverse mode, with the parameters as one vector."""
        return _gradients(self)

    def gauss_newton(self) -> linalg.MatrixFree:
        """`v -> H v`, by a forward and a reverse derivative."""
        return linalg.MatrixFree(_GaussNewton(self), (self.size,))

    def hessian(self) -> linalg.MatrixFree:
        """`v -> (d^2 L / dtheta^2) v`, by forward over reverse mode."""
        return linalg.MatrixFree(_Hessian(self), (self.size,))

    def flat(self) -> tuple[Array, Callable[[Array], Any]]:
        """The parameters as a vector, and the model of such a vector."""
        parameters, rest = eqx.partition(self.model, eqx.is_inexact_array)
        vector, unravel = ravel_pytree(parameters)
        return vector, lambda v: eqx.combine(unravel(v), rest)

    def sample_gradients(self, x: Array) -> Float[Array, "outputs parameters"]:
        """`J_i` of one input."""
        vector, model = self.flat()
        return jax.jacrev(lambda v: self.apply(model(v), x).reshape(-1))(vector)

    def mean_loss(self, vector: Array) -> Float[Array, ""]:
        """`L` at a vector of parameters."""
        _, model = self.flat()
        found = jax.vmap(lambda x: self.apply(model(vector), x))(self.inputs)
        return 0.5 * jnp.sum((found - self.targets) ** 2) / self.targets.shape[0]


def _on_device(array: Any) -> Array:
    # JAX 0.10 caches traces under the dtype that a NumPy array came with.
    if isinstance(array, jax.Array):
        return array
    return jnp.asarray(array.astype(jax.dtypes.canonicalize_dtype(array.dtype)))


class _GaussNewton(eqx.Module):
    problem: LeastSquares

    def __call__(self, v: Array) -> Array:
        vector, model = self.problem.flat()

        def outputs(vector: Array) -> Array:
            return jax.vmap(lambda x: self.problem.apply(model(vector), x))(self.problem.inputs)

        _, forward = jax.linearize(outputs, vector)
        (product,) = jax.linear_transpose(forward, vector)(forward(v.astype(vector.dtype)))
        return product / self.problem.targets.shape[0]


class _Hessian(eqx.Module):
    problem: LeastSquares

    def __call__(self, v: Array) -> Array:
        vector, _ = self.problem.flat()
        return jax.jvp(jax.grad(self.problem.mean_loss), (vector,), (v.astype(vector.dtype),))[1]


@eqx.filter_jit
def _loss(problem: LeastSquares) -> Array:
    return problem.mean_loss(problem.flat()[0])


@eqx.filter_jit
def _gradients(problem: LeastSquares) -> Array:
    return jax.vmap(problem.sample_gradients)(problem.inputs)
