"""Scores on principal components with their own marginal laws, tied by a Gaussian copula.

With the distribution functions `F` of the sample, normal scores `y = Phi^{-1}(F(a))` and `x = Phi^{-1}(F(p))` are joint
Gaussian:

    y | x ~ N(S_yx S_xx^{-1} x, S_yy - S_yx S_xx^{-1} S_xy),      a = F^{-1}(Phi(y))
"""

from typing import Any, ClassVar

import numpy as np
import scipy.stats

from ..core import Paper, check_number
from ._boundary_problem import Standardised
from ._modal import all_rows, conditional_gaussian, principal_scores
from ._papers import COPULAS, PRINCIPAL_COMPONENTS
from ._trace_law import AbstractGeneratorMethod, CopulaLaw, FittedLaw, single


class PCACopula(AbstractGeneratorMethod):
    """Principal components whose scores have any marginal law, but the dependence of a Gaussian one.

    A score with two modes keeps them, where `PCAGaussian` has one; what ties the scores together stays linear.

    **Arguments:** `tol`: relative error that the components may leave.

    **Returns:** a frozen method for `rom.boundary_generator`.

    **Raises:** `ValueError` when `tol` is out of range.

    Source: Sklar 1959 (copulas); Jolliffe 2002 (principal components).

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> x = np.random.default_rng(0).choice([-1.0, 1.0], size=(200, 1))
    >>> problem = rom.SubmodelProblem(x * [1.0, 2.0])
    >>> found = rom.boundary_generator(problem, rom.PCACopula(), key=jax.random.key(0))
    >>> sorted(set(found.generate(jax.random.key(1), n=50)[:, 0].round(2).tolist()))
    [-1.0, 1.0]
    """

    tol: float = 1e-3

    papers: ClassVar[tuple[Paper, ...]] = (COPULAS, PRINCIPAL_COMPONENTS)

    def __check_init__(self):
        check_number("tol", self.tol, minimum=0.0, maximum=1.0)

    def estimate(self, data: Standardised, key: Any, progress: bool | None) -> FittedLaw:
        """See `rom.boundary_generator`."""
        u, p = all_rows(data)
        modes, scores = principal_scores(u, self.tol)
        slope, root = conditional_gaussian(_normal_scores(scores), _normal_scores(p))
        tables = np.sort(scores, 0).T, np.sort(p, 0).T
        law = CopulaLaw(*(single(part) for part in (modes, slope, root, *tables)))
        return FittedLaw(law, stats={"modes": len(modes)})


def _normal_scores(x: np.ndarray) -> np.ndarray:
    return scipy.stats.norm.ppf((scipy.stats.rankdata(x, axis=0) - 0.5) / len(x))
