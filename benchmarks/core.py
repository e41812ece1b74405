"""Speed of core: what `fit` costs over a bare scanned Optax loop, and `import perturbax` over `import jax`.

Pairs are timed one after the other, in an order that alternates, and the median over them is printed: what else the
machine does falls on both sides. Where it does much, the wall clock still says little, so the processor's time of the
same runs stands beside it.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from perturbax import core


def fit_overhead(pairs: int = 15, steps: int = 2000, batch_size: int = 128) -> tuple[float, float]:
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

    run_fit(), run_bare()  # compiled outside of the time
    ratios = [ours / theirs for ours, theirs in _pairs(lambda: _timed(run_fit), lambda: _timed(run_bare), pairs)]
    wall, processor = np.median(ratios, axis=0)
    return float(wall), float(processor)


def import_cost(pairs: int = 9) -> tuple[float, float]:
    """Seconds that `import perturbax` takes longer than `import jax`, each in a process of its own."""
    code = (
        "import time; wall, processor = time.perf_counter(), time.process_time(); import {};"
        "print(time.perf_counter() - wall, time.process_time() - processor)"
    )

    def seconds(modules: str) -> np.ndarray:
        command = [sys.executable, "-c", code.format(modules)]
        return np.array(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split(), float)

    seconds("jax, perturbax")  # read from disk outside of the time
    both = _pairs(lambda: seconds("jax, perturbax"), lambda: seconds("jax"), pairs)
    wall, processor = np.median([ours - theirs for ours, theirs in both], axis=0)
    return float(wall), float(processor)


def main() -> None:
    """Print every ratio with its bar."""
    wall, processor = fit_overhead()
    print(
        f"core.fit over a bare scanned Optax {optax.__version__} loop: {wall:.3f} (bar: <= 1.05); "
        f"processor time: {processor:.3f}"
    )
    wall, processor = import_cost()
    print(
        f"import perturbax over import jax {jax.__version__}: {wall:+.3f} s (bar: <= 0.3 s); "
        f"processor time: {processor:+.3f} s"
    )


def _pairs(ours: Callable[[], Any], theirs: Callable[[], Any], pairs: int) -> Iterator[tuple[Any, Any]]:
    for i in range(pairs):
        if i % 2:
            first = ours()
            yield first, theirs()
        else:
            first = theirs()
            yield ours(), first


def _timed(run: Callable[[], None]) -> np.ndarray:
    """Seconds on the wall clock, and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return np.array([time.perf_counter() - wall, time.process_time() - processor])


if __name__ == "__main__":
    main()
