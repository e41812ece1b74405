r"""Multi-marginal Schrödinger bridges with iterative reference refinement.

Shen, Berlinghieri & Broderick 2025 (arXiv 2408.06277). Of all processes `q` with the law of every snapshot, and all
members `p` of a family of references, the closest pair in Kullback-Leibler divergence is sought by two projections in
turn,

    q_k     = argmin over q of KL(q || p_k),          bridges between neighbouring snapshots (`_piecewise`)
    p_{k+1} = argmin over p of KL(q_k || p),          maximum likelihood on paths of q_k (`_refit`)

neither of which makes the divergence larger. Intervals speak to each other through the parameters that they share,
which is what tells of the times between.
"""

from typing import Any, ClassVar

import jax
import numpy as np

from ..core import Paper, Result, check_instance, check_integer, check_number
from ..core import progress as progress_bar
from . import _papers
from ._infer import AbstractTrajectoryMethod
from ._inferred import Inferred, Settled
from ._piecewise import PiecewiseIPF
from ._refit import AbstractRefit, GaussNewton, parameters
from ._snapshots import Snapshots


class SBIRR(AbstractTrajectoryMethod):
    """Bridges around a reference that is refined: all floating arrays in `problem.reference` are its parameters.

    The first iteration is a bridge around the reference as it is given; where nothing is known of the parameters, small
    ones make it a bridge around Brownian motion. Random numbers are the same in all iterations, so that these converge.

    **Arguments:**

    - `iterations`: at most so many times both projections.
    - `bridges`: how the bridges around one reference are found.
    - `refit`: how its parameters are fitted: `GaussNewton()`, or `Adam()` for networks.
    - `tolerance`: it stops when the parameters, all together, moved by less than this share.

    **Returns:** a frozen method for `transport.infer_trajectories`. `stats` of the solution hold `null_directions`, of
    shape `(k, p)`: combinations of parameters that the paths do not determine.

    **Raises:** `ValueError` or `TypeError` that names the argument; in `infer_trajectories`, `ValueError` when the
    reference has no parameters.

    Source: Shen, Berlinghieri & Broderick 2025, arXiv 2408.06277; the bridges by Vargas et al. 2021.

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> x = np.random.default_rng(0).normal(size=(100, 1))
    >>> family = transport.DriftReference(jax.tree_util.Partial(lambda rate, x, t: -rate * x, jax.numpy.array(0.1)))
    >>> problem = transport.Snapshots([x + 4.0, x + 2.0, x + 1.0], [0.0, 1.0, 2.0], volatility=0.5, reference=family)
    >>> quick = transport.SBIRR(iterations=3, bridges=transport.PiecewiseIPF(iterations=2, steps=10))
    >>> found = transport.infer_trajectories(problem, quick, key=jax.random.key(0))
    >>> bool(0.4 < found.parameters[-1, 0] < 1.0)  # log(2) = 0.69
    True
    """

    iterations: int = 10
    bridges: PiecewiseIPF = PiecewiseIPF()
    refit: AbstractRefit = GaussNewton()
    tolerance: float = 1e-3

    papers: ClassVar[tuple[Paper, ...]] = (_papers.SBIRR, _papers.MAXIMUM_LIKELIHOOD_IPF)

    def __check_init__(self):
        check_integer("iterations", self.iterations, minimum=1)
        check_instance("bridges", self.bridges, PiecewiseIPF, "PiecewiseIPF()")
        check_instance("refit", self.refit, AbstractRefit, "GaussNewton() or Adam()")
        check_number("tolerance", self.tolerance, minimum=0.0)

    def infer(self, problem: Snapshots, key: Any, progress: bool | None) -> Inferred:
        settled = Settled.of(problem, problem.reference, self.bridges.particles, key)
        reference = settled.reference
        if not parameters(reference).size:
            raise ValueError(
                f"problem.reference must have floating arrays, which are refined; {type(problem.reference).__name__} "
                "has none: give its parameters as arrays, or use FixedReference()"
            )
        refit_key = jax.random.fold_in(key, 1)
        ts = settled.path_times(self.bridges)
        trace, divergences, null = [np.asarray(parameters(reference))], [], np.zeros((0, 0))
        for _ in progress_bar(range(self.iterations), "refining the reference", show=progress):
            settled = settled._replace(reference=reference)
            solved = settled.solve(self.bridges, key)
            if solved.result != Result.successful:
                break
            divergences.append(float(solved.pieces.divergence))
            reference, null = self.refit.refine(reference, solved.pieces.paths, ts, refit_key)
            trace.append(np.asarray(parameters(reference)))
            if np.linalg.norm(trace[-1] - trace[-2]) <= self.tolerance * np.linalg.norm(trace[-1]):
                break
        return settled.inferred(
            solved, self.bridges, reference.reference, divergences, np.stack(trace), null_directions=null
        )
