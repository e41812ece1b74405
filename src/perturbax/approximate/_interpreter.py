"""Many programs at once in one compiled function: operations are data, so that no program is compiled.

A program of `T` instructions and `K` constants works on a list of values: `x` first, then the constants, then what each
instruction gives. Instruction `i` applies the operation `code[i, 0]` to the values `code[i, 1]` and `code[i, 2]`, which
come before it. All operations are computed and one is selected.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

OPERATIONS = ("add", "sub", "mul", "div")


def run(
    code: Int[Array, "T 3"], output: Int[Array, ""], constants: Float[Array, " K"], x: Float[Array, " G"]
) -> Float[Array, " G"]:
    """The values of one program at points; batches by `jax.vmap`."""
    K, T = constants.shape[0], code.shape[0]
    rows = jnp.broadcast_to(constants[:, None], (K, x.shape[0]))
    values = jnp.concatenate([x[None], rows, jnp.zeros((T, x.shape[0]), x.dtype)])

    def step(values: Array, instruction: tuple[Array, tuple[Array, Array, Array]]) -> tuple[Array, None]:
        place, (operation, left, right) = instruction
        a, b = values[left], values[right]
        result = jnp.where(
            operation == 0, a + b, jnp.where(operation == 1, a - b, jnp.where(operation == 2, a * b, a / b))
        )
        return values.at[place].set(result), None

    places = jnp.arange(1 + K, 1 + K + T)
    values, _ = jax.lax.scan(step, values, (places, (code[:, 0], code[:, 1], code[:, 2])))
    return values[output]


run_many = jax.jit(jax.vmap(run, (0, 0, 0, None)))


@jax.jit
def largest_errors(
    code: Int[Array, "P T 3"],
    output: Int[Array, " P"],
    constants: Float[Array, "P K"],
    x: Float[Array, " G"],
    truth: Float[Array, " G"],
    unit: Float[Array, " G"],
) -> Float[Array, " P"]:
    """The largest `|f(x) - truth| / unit` of each program, infinite where a value is not finite."""
    error = jnp.abs(jax.vmap(run, (0, 0, 0, None))(code, output, constants, x) - truth) / unit
    return jnp.where(jnp.isfinite(error).all(1), error.max(1), jnp.inf)
