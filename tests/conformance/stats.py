"""How the conformance suite tries the methods of `stats`, each verb on a tiny problem."""

import numpy as np

from perturbax import stats


def environments(X=None):
    """a -> y -> m, with a different m in each of three environments."""
    random = np.random.default_rng(0)
    a = random.normal(size=90)
    y = a + random.normal(size=90)
    env = np.repeat([0, 1, 2], 30)
    table = np.stack([a, (env - 1.0) * y + 0.1 * random.normal(size=90)], 1)
    graph = stats.CausalGraph([("a", "y"), ("y", "m")])
    return stats.Environments(table if X is None else X, y, env, names="am", graph=graph, mutable=["m"])


def queries(last=0.0):
    """Four queries on 40 records of the holdout, as many for training, and on a domain of five."""
    random = np.random.default_rng(0)
    holdout, train, domain = random.random((4, 40)), random.random((4, 40)), random.random((4, 5))
    holdout[-1, -1] = last
    return stats.QueryBatch(holdout, train=train, domain=domain)


_SMALL = {stats.PerturbedMLE: {"sigma": 0.2, "steps": 5}, stats.ProbabilisticPCA: {"dimension": 1}}


def make(cls):
    if issubclass(cls, stats.AbstractDistributionMethod):
        return cls(**_SMALL.get(cls, {}))
    fields = cls.__dataclass_fields__
    if issubclass(cls, stats.AbstractQueryMethod):
        given = {"queries": 4, "scale": 0.01, "sigma": 0.01, "threshold": 0.1, "epsilon": 1.0, "count": 4, "budget": 4}
        given |= {"rate": 0.1, "rounds": 3}
    else:
        quick = stats.Additive(steps=5, features=5, ascent_steps=5, restarts=1)
        given = {"mechanisms": quick, "features": 5, "rounds": 3, "points": 2**13, "paths": 8}
    return cls(**{name: value for name, value in given.items() if name in fields})


def observations(x=None):
    return stats.Observations(np.random.default_rng(0).normal(size=(60, 3)) if x is None else x)


def excursions(method, key, **options):
    problem = stats.StationaryGaussian(stats.covariances.RandomAcceleration(), **options)
    return stats.excursions(problem, method, key=key).survival


def run(method, key):
    if isinstance(method, stats.AbstractDistributionMethod):
        fitted = stats.fit_distribution(observations(), method, key=key, progress=False)
        return fitted.sigma, fitted.sample(key, 10)
    if isinstance(method, stats.AbstractQueryMethod):
        return stats.answer_queries(queries(), method, key=key, throw=False).answers
    if isinstance(method, stats.AbstractExcursionMethod):
        return excursions(method, key)
    return stats.robust_subset(environments(), method, key=key).predict(environments().X)


def poison(method, key):
    if isinstance(method, stats.AbstractDistributionMethod):
        broken = np.full((60, 3), np.inf)
        return {
            "x": lambda: stats.fit_distribution(observations(broken), method, key=key),
            "scale": lambda: stats.Observations(np.eye(3), scale=float("nan")),
        }
    if isinstance(method, stats.AbstractQueryMethod):
        return {"query 3": lambda: stats.answer_queries(queries(np.nan), method, key=key, throw=False)}
    if isinstance(method, stats.AbstractExcursionMethod):
        return {name: lambda name=name: excursions(method, key, **{name: np.nan}) for name in ("level", "horizon")}
    return {"X": lambda: stats.robust_subset(environments(np.full((90, 2), np.nan)), method, key=key)}
