"""The linear stochastic model: Gaussian scores on principal components, given the parameters.

With `u = sum_k a_k phi_k` and a joint Gaussian law of scores and parameters,

    a | p ~ N(S_ap S_pp^{-1} p, S_aa - S_ap S_pp^{-1} S_pa)
"""

from typing import Any, ClassVar

from ..core import Paper, check_number
from ._boundary_problem import Standardised
from ._modal import all_rows, conditional_gaussian, principal_scores
from ._papers import PRINCIPAL_COMPONENTS, WGAN_SUBMODEL
from ._trace_law import AbstractGeneratorMethod, FittedLaw, ModalLaw, single


class PCAGaussian(AbstractGeneratorMethod):
    """Principal components with jointly Gaussian scores and parameters, drawn given the parameters.

    A closed form, right for traces that depend linearly on Gaussian unknowns. Two modes of a structure become one cloud
    between them.

    **Arguments:** `tol`: relative error that the components may leave.

    **Returns:** a frozen method for `rom.boundary_generator`.

    **Raises:** `ValueError` when `tol` is out of range.

    Source: Jolliffe 2002; the baseline of Boukraichi et al. 2021, arXiv 2110.13680.

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> problem = rom.SubmodelProblem(x * [1.0, 2.0], x)
    >>> found = rom.boundary_generator(problem, rom.PCAGaussian(), key=jax.random.key(0))
    >>> found.generate(jax.random.key(1), [0.5], 3).round(3)[0].tolist()
    [0.5, 1.0]
    """

    tol: float = 1e-3

    papers: ClassVar[tuple[Paper, ...]] = (PRINCIPAL_COMPONENTS, WGAN_SUBMODEL)

    def __check_init__(self):
        check_number("tol", self.tol, minimum=0.0, maximum=1.0)

    def estimate(self, data: Standardised, key: Any, progress: bool | None) -> FittedLaw:
        """See `rom.boundary_generator`."""
        u, p = all_rows(data)
        modes, scores = principal_scores(u, self.tol)
        slope, root = conditional_gaussian(scores, p)
        return FittedLaw(ModalLaw(single(modes), single(slope), single(root)), stats={"modes": len(modes)})
