"""Any method of `bridge` between neighbouring snapshots, one interval after the other.

With `z = x / volatility` and the time of an interval put on [0, 1], Brownian motion has the variance

    eps_i = t_{i+1} - t_i

there, and the interval is a problem of `bridge`. Paths start at the first snapshot, and go on from end to end.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ..core import Paper, Result, check_instance, check_integer
from ..core import progress as progress_bar
from . import _papers
from ._bridge import AbstractBridgeMethod, bridge
from ._infer import AbstractTrajectoryMethod
from ._inferred import Inferred, Settled
from ._problem import BridgeProblem
from ._reference import Brownian
from ._snapshots import Snapshots


class ConsecutiveBridges(AbstractTrajectoryMethod):
    """Bridges around Brownian motion by another solver, such as `LightSB()`, or `BridgeMatching()` for [SF]2M.

    **Arguments:**

    - `method`: of `transport.bridge`.
    - `particles`: paths, `None` for as many as the largest snapshot has points.
    - `steps`: states of a path in each interval.

    **Returns:** a frozen method for `transport.infer_trajectories`; its solution has no drifts, and forecasts along
    Brownian motion.

    **Raises:** `ValueError` or `TypeError` that names the argument; in `infer_trajectories` what the method raises.

    Source: Tong et al. 2024 (arXiv 2307.03672), where the bridges are matched by networks.

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> x = np.random.default_rng(0).normal(size=(100, 1))
    >>> problem = transport.Snapshots([x, x + 3.0, x], [0.0, 1.0, 3.0], volatility=1.0)
    >>> by_moments = transport.ConsecutiveBridges(transport.GaussianBridge())
    >>> found = transport.infer_trajectories(problem, by_moments, key=jax.random.key(0))
    >>> bool(abs(found.at(2.0).mean() - 1.5) < 0.4)
    True
    """

    method: AbstractBridgeMethod
    particles: int | None = None
    steps: int = 50

    papers: ClassVar[tuple[Paper, ...]] = (_papers.SF2M,)

    def __check_init__(self):
        check_instance("method", self.method, AbstractBridgeMethod, "a method of transport.bridge such as LightSB()")
        if self.particles is not None:
            check_integer("particles", self.particles, minimum=2)
        check_integer("steps", self.steps, minimum=1)

    def infer(self, problem: Snapshots, key: Any, progress: bool | None) -> Inferred:
        settled = Settled.of(problem, Brownian(), self.particles, key)
        shares = np.linspace(0.0, 1.0, self.steps + 1)[1:]
        x, states, evaluations = settled.points[0], [settled.points[:1]], 0
        lengths, keys = np.diff(problem.times), jax.random.split(key, len(problem.times) - 1)
        for i in progress_bar(range(len(lengths)), "bridging", show=progress):
            solve_key, path_key = jax.random.split(keys[i])
            x0, x1 = (problem.samples[j] / problem.volatility for j in (i, i + 1))
            ends = BridgeProblem(x0, x1, float(lengths[i]))
            solved = bridge(ends, self.method, key=solve_key, progress=False)
            states.append(solved.path(path_key, x, shares))
            x, evaluations = states[-1][-1], evaluations + solved.stats["evaluations"]
        times = [problem.times[:1], *(problem.times[:-1, None] + shares * lengths[:, None])]
        return Inferred(
            paths=settled.reference.volatility * jnp.concatenate(states).swapaxes(0, 1),
            times=np.concatenate(times),
            owners=np.zeros(x.shape[0], int),
            reference=Brownian(),
            drifts=None,
            result=Result.successful,
            stats={"evaluations": evaluations},
        )
