"""Networks of two layers for which the sharpness of a minimum is a norm of the parameters.

With `s_j = 1/n sum_i x_ij^2`, the Gauss-Newton matrix of the diagonal linear network has the trace

    tr H = sum_j s_j (a_j^2 + b_j^2) >= 2 sum_j s_j |a_j b_j|

and that of the ReLU network

    tr H = 1/n sum_i sum_j [relu(b_j.x_i)^2 + a_j^2 |x_i|^2 1(b_j.x_i > 0)] >= 2 sum_j c_j |a_j| |b_j|
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import check_integer, check_key, check_number


class DiagonalLinear(eqx.Module):
    """`(a * b).x`: a linear function that is trained through a product.

    **Arguments:** `a`, `b`: shape `(inputs,)`.

    >>> float(DiagonalLinear(jnp.array([1.0, 2.0]), jnp.array([3.0, 1.0]))(jnp.ones(2)))
    5.0
    """

    a: Float[Array, "*batch inputs"]
    b: Float[Array, "*batch inputs"]

    @property
    def coefficients(self) -> Float[Array, "*batch inputs"]:
        """`a * b`."""
        return self.a * self.b

    def __call__(self, x: Float[Array, "*batch inputs"]) -> Float[Array, "*batch"]:
        return x @ self.coefficients


class TwoLayerReLU(eqx.Module):
    """`sum_j a_j relu(b_j.x)`, without biases and with one output.

    **Arguments:** `inputs`, `width`; `key`: draws `b_j` with the variance `1 / inputs` an entry and `a` with
    `1 / width`; `scale`: factor on both, so that a large one starts with large outputs.

    **Raises:** `TypeError`, `ValueError` for sizes smaller than 1 or a scale that is not positive.

    >>> TwoLayerReLU(4, 8, key=jax.random.key(0))(jnp.ones((2, 4))).shape
    (2,)
    """

    a: Float[Array, "*batch width"]
    b: Float[Array, "*batch width inputs"]

    def __init__(self, inputs: int, width: int, *, key: PRNGKeyArray, scale: float = 1.0):
        inputs, width = check_integer("inputs", inputs, minimum=1), check_integer("width", width, minimum=1)
        scale = check_number("scale", scale, minimum=0.0, exclusive=True)
        inner, outer = jax.random.split(check_key("key", key))
        self.b = scale * jax.random.normal(inner, (width, inputs)) / inputs**0.5
        self.a = scale * jax.random.normal(outer, (width,)) / width**0.5

    @property
    def path_norm(self) -> Float[Array, "*batch"]:
        """`sum_j |a_j| |b_j|`."""
        return jnp.sum(jnp.abs(self.a) * jnp.linalg.norm(self.b, axis=-1), axis=-1)

    def __call__(self, x: Float[Array, "*batch inputs"]) -> Float[Array, "*batch"]:
        return jax.nn.relu(x @ self.b.T) @ self.a
