"""How the conformance suite tries the methods of `optimize`, by the verb that they answer."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from perturbax import nn, optimize, stats

GRID = (1.0, 1.4, 1.8)
COSTS = np.random.default_rng(0).integers(2, 40, (12, 3)).astype(float)
CONTEXTS = np.linspace(0.0, 1.0, 12)
GRADIENTS = np.random.default_rng(0).normal(size=(6, 9))
INPUTS, TARGETS = jnp.eye(3), jnp.ones(3)
MODEL = nn.DiagonalLinear(jnp.ones(3), jnp.arange(3.0))
NETWORK = nn.MLP(3, (4,), 2, key=jax.random.key(0), activation=jax.nn.relu)
ROWS, LABELS = np.random.default_rng(0).normal(size=(6, 3)), np.arange(6) % 2
SUBSETS, PLACES, REWARDS = np.eye(2), np.arange(2.0)[:, None], np.eye(2)

PRIOR = stats.UniformPrior([0.0, 0.0], [2.0, 2.0])
OBSERVED = np.array([1.0, 0.5], np.float32)
SMALL = {"budget": 20, "accepted": 4, "chains": 2, "steps": 6, "discarded": 2, "starts": 2, "top_k": 3, "population": 4}


def radius(context):
    return 0.5 + 0.4 * context


@functools.cache
def database():
    return optimize.build_database(jnp.sin, PRIOR, 16, key=jax.random.key(0), shard=16, progress=False)


def make_inversion(cls):
    options = {"similarity": optimize.SquaredError(), "encoding": optimize.FullResolution()}
    if cls is optimize.LearnedRegression:
        return cls.fit(database(), PRIOR, key=jax.random.key(1), steps=3, progress=False, width=4, **options)
    if cls is optimize.DatabaseQuery:
        return cls(database(), top_k=3, **options)
    return cls(**{name: value for name, value in SMALL.items() if name in cls.__dataclass_fields__})


def invert(method, key, observation=OBSERVED, temperature=1.0):
    problem = optimize.InverseProblem(jnp.sin, observation, PRIOR, optimize.SquaredError(), temperature=temperature)
    return optimize.invert(problem, method, key=key)


def make(cls):
    if issubclass(cls, optimize.AbstractInversionMethod):
        return make_inversion(cls)
    given = {
        "grid": GRID,
        "interval": (0.0, 1.0),
        "tuner": optimize.TsallisINF(grid=GRID),
        "bins": 2,
        "terms": 2,
        "radius": radius,
        "sections": 2,
        "probes": 2,
        "steps": 2,
        "alignment": 0.5,
        "bits": 8,
        "action": (1, 0),
        "trace_probes": 2,
        "omega": [[0.3, 0.1], [0.2, 0.1]],
    }
    return cls(**{name: value for name, value in given.items() if name in cls.__dataclass_fields__})


def tune(method, key, costs=COSTS, contexts=CONTEXTS):
    return optimize.tune(optimize.CostTable(costs, GRID, contexts), method, key=key)


def bandit(method, key, rewards=REWARDS, contexts=PLACES):
    world = optimize.TableEnvironment(contexts, SUBSETS, rewards)
    return optimize.bandit(world, method, plays=7, key=key)


def stability(method, gradients=GRADIENTS, learning_rate=0.1):
    return optimize.stability(optimize.LinearisedSGD(gradients, learning_rate), method)


def sharpness(method, key, inputs=INPUTS, targets=TARGETS):
    return optimize.sharpness(optimize.LeastSquares(MODEL, inputs, targets), method, key=key)


def quantize(method, key, inputs=ROWS, targets=LABELS, model=NETWORK):
    budget = None if hasattr(method, "bits") else optimize.Budget(size=optimize.Share(0.7))
    problem = optimize.QuantizationProblem(model, inputs, targets, budget=budget, fixed={})
    quantized = optimize.quantize(problem, method, key=key)
    return optimize.integer_apply(quantized, quantized.encode(ROWS))


def run(method, key):
    if isinstance(method, optimize.AbstractQuantizer):
        return quantize(method, key)

    if isinstance(method, optimize.AbstractInversionMethod):
        found = invert(method, key)
        return found.parameters, found.samples, found.weights
    if isinstance(method, optimize.AbstractStabilityMethod):
        return stability(method)
    if isinstance(method, optimize.AbstractSharpnessMethod):
        return sharpness(method, key)
    if isinstance(method, optimize.AbstractBanditMethod):
        plays = bandit(method, key)
        return plays.contexts, plays.arms, plays.rewards, plays([0.3])
    tuning = tune(method, key)
    return tuning.values, tuning.costs, tuning.state


def poison(method, key):
    if isinstance(method, optimize.AbstractQuantizer):
        return {
            "inputs": lambda: quantize(method, key, inputs=np.where(ROWS > 1.0, np.nan, ROWS)),
            "targets": lambda: quantize(method, key, targets=np.full(6, np.inf)),
            "model": lambda: quantize(method, key, model=jax.tree.map(lambda leaf: leaf + jnp.inf, NETWORK)),
        }
    if isinstance(method, optimize.AbstractInversionMethod):
        return {
            "observation": lambda: invert(method, key, observation=np.array([np.nan, 1.0])),
            "temperature": lambda: invert(method, key, temperature=np.nan),
        }
    if isinstance(method, optimize.AbstractStabilityMethod):
        return {
            "minimum": lambda: stability(method, np.where(GRADIENTS > 1.0, np.nan, GRADIENTS)),
            "learning_rate": lambda: stability(method, learning_rate=np.nan),
        }
    if isinstance(method, optimize.AbstractSharpnessMethod):
        return {
            "inputs": lambda: sharpness(method, key, inputs=jnp.full((3, 3), jnp.nan)),
            "targets": lambda: sharpness(method, key, targets=jnp.full(3, jnp.inf)),
        }
    if isinstance(method, optimize.AbstractBanditMethod):
        return {
            "rewards": lambda: bandit(method, key, rewards=np.where(REWARDS > 0.0, np.nan, REWARDS)),
            "contexts": lambda: bandit(method, key, contexts=np.where(PLACES > 0.0, np.inf, PLACES)),
        }
    costs, contexts = COSTS.copy(), CONTEXTS.copy()
    costs[3, 1] = contexts[4] = np.nan
    return {"costs": lambda: tune(method, key, costs), "contexts": lambda: tune(method, key, contexts=contexts)}
