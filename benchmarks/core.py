"""Speed of core: what `fit` costs over a bare scanned Optax loop, and `import perturbax` over `import jax`.

Pairs are timed one after the other, in an order that alternates, and the median of their ratios is printed: what else
the machine does falls on both sides.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from perturbax import core


def fit_overhead(pairs: int = 15, steps: int = 2000, batch_size: int = 128) -> float:
    """Time of `fit` over the time of the shortest loop that trains the same network on as many random batches."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(5000, 64)), jnp.float32)
    model = eqx.nn.MLP(64, 64, 128, 2, key=jax.random.key(0))
    optimizer, key = optax.adam(1e-3), jax.random.key(1)

    def loss(model: Any, x: Any, key: Any) -> Any:
        return jnp.mean((jax.vmap(model)(x + jax.random.normal(key, x.shape)) - x) ** 2)

    params, static = eqx.partition(model, eqx.is_inexact_array)

    @jax.jit
    def bare(params: Any, state: Any, x: Any, key: Any) -> Any:
        def step(carry: Any, key: Any) -> Any:
            params, state = carry
            batch_key, loss_key = jax.random.split(key)
            batch = x[jax.random.randint(batch_key, (batch_size,), 0, len(x))]
            value, gradient = jax.value_and_grad(lambda p: loss(eqx.combine(p, static), batch, loss_key))(params)
            updates, state = optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, updates), state), value

        return jax.lax.scan(step, (params, state), jax.random.split(key, steps))

    def run_bare() -> None:
        jax.block_until_ready(bare(params, optimizer.init(params), x, key))

    def run_fit() -> None:
        done = core.fit(
            loss, model, x, steps=steps, batch_size=batch_size, optimizer=optimizer, key=key, progress=False
        )
        jax.block_until_ready(done.model.layers[0].weight)

    return _ratio(run_fit, run_bare, pairs)


def import_cost(pairs: int = 7) -> float:
    """Seconds that `import perturbax` takes longer than `import jax`, each in a process of its own."""
    code = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"

    def seconds(modules: str) -> float:
        command = [sys.executable, "-c", code.format(modules)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    seconds("jax, perturbax")
    return statistics.median(seconds("jax, perturbax") - seconds("jax") for _ in range(pairs))


def main() -> None:
    """Print every ratio with its bar."""
    overhead = fit_overhead()
    print(f"core.fit over a bare scanned Optax {optax.__version__} loop: {overhead:.3f} (bar: <= 1.05)")
    seconds = import_cost()
    print(f"import perturbax over import jax {jax.__version__}: {seconds:+.3f} s (bar: <= 0.3 s)")


def _ratio(ours: Callable[[], None], theirs: Callable[[], None], pairs: int) -> float:
    ours(), theirs()  # compiled outside of the time
    ratios = []
    for i in range(pairs):
        took = {}
        for run in (ours, theirs) if i % 2 else (theirs, ours):
            start = time.perf_counter()
            run()
            took[run] = time.perf_counter() - start
        ratios.append(took[ours] / took[theirs])
    return statistics.median(ratios)


if __name__ == "__main__":
    main()
