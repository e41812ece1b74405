"""CMA-ES against cmaes on one tumour: the same simulator, budget and population.

`python benchmarks/inversion.py`. Both start from the best of a population drawn from the prior, which counts, and
simulate a whole population by one compiled call; they take turns in one process, and medians are printed.
"""

import importlib.metadata
import statistics
import time
from typing import Any

import cmaes
import jax
import numpy as np

from perturbax import core, optimize, systems
from perturbax.optimize._inverse_problem import scores

BUDGET, POPULATION = 240, 8


def _problem() -> optimize.InverseProblem:
    brain = systems.BrainAnatomy.from_mni(1).slice(2, 90).coarsen(2)
    grow, prior = systems.FisherKolmogorov(brain), systems.TumourPrior(brain)
    truth = grow(prior.sample(jax.random.key(5), 1)[0])
    masks = np.stack([np.asarray(truth) >= level for level in (0.2, 0.6)])
    return optimize.InverseProblem(grow, masks, prior, optimize.Dice((0.2, 0.6)))


def _peer(problem: optimize.InverseProblem, seed: int) -> float:
    low, width = np.asarray(problem.prior.low), np.asarray(problem.prior.width)
    bounds = np.array([[0.0, 1.0]] * problem.prior.size)
    drawn = problem.prior.sample(jax.random.key(seed), POPULATION)
    values = np.asarray(scores(problem, drawn), float)
    best, place = values.max(), (np.asarray(drawn)[values.argmax()] - low) / width
    search = cmaes.CMA(place, optimize.CMAES().step, bounds=bounds, population_size=POPULATION, seed=seed)
    for _ in range(BUDGET // POPULATION - 1):
        asked = [search.ask() for _ in range(POPULATION)]
        found = np.asarray(scores(problem, np.float32(low + width * np.stack(asked))), float)
        search.tell(list(zip(asked, -found, strict=True)))
        best = max(best, found.max())
    return best


def main() -> None:
    """Seconds and Dice of both."""
    problem, method = _problem(), optimize.CMAES(budget=BUDGET, population=POPULATION)
    calls: dict[str, Any] = {
        "ours": lambda seed: optimize.invert(problem, method, key=jax.random.key(seed)).score,
        "cmaes": lambda seed: _peer(problem, seed),
    }
    for call in calls.values():
        call(0)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    found: dict[str, list[float]] = {name: [] for name in calls}
    for seed in range(7):
        for name, call in calls.items():
            start = time.perf_counter()
            found[name].append(call(seed))
            seconds[name].append(time.perf_counter() - start)
    took = {name: statistics.median(values) for name, values in seconds.items()}
    dice = {name: statistics.median(values) for name, values in found.items()}
    print(
        f"{BUDGET} simulations: ours {took['ours']:.2f} s (Dice {dice['ours']:.3f}), cmaes "
        f"{importlib.metadata.version('cmaes')} {took['cmaes']:.2f} s (Dice {dice['cmaes']:.3f}): "
        f"{took['cmaes'] / took['ours']:.2f}x faster"
    )


if __name__ == "__main__":
    core.enable_compilation_cache()
    main()
