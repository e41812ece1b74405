"""The conditional form of the first GANs, of boundary traces: the baseline that a Wasserstein distance stabilises.

A generator `G(z, p)`, `z ~ N(0, I)`, against a discriminator whose logit is `D(u, p)`, in turn:

    L_D = mean softplus(D(G(z, p), p)) + mean softplus(-D(u, p)),      L_G = mean softplus(-D(G(z, p), p))
"""

from typing import Any, ClassVar

from ..core import Paper, check_instance, check_integer, check_number
from ..nn import NonSaturating
from ._adversarial import estimate_by_game
from ._boundary_problem import Standardised
from ._papers import GENERATIVE_ADVERSARIAL
from ._players import AbstractPlayers, Perceptrons
from ._trace_law import AbstractGeneratorMethod, FittedLaw


class GAN(AbstractGeneratorMethod):
    """The generative adversarial network with the non-saturating loss, conditioned on the parameters.

    For comparison: in the study `wgan-submodel` its traces have up to 2.5 times the true strain energy.

    **Arguments:** `latent`: size of the noise; `networks`: the form of both networks; `learning_rate` of Adam with
    `beta = (0, 0.9)`; `steps`: of each network; `batch`: rows of a step; `ema`: decay of the averaged generator.

    **Returns:** a frozen method for `rom.boundary_generator`.

    **Raises:** `ValueError` when a number is out of range; when used, `SolverError` when the losses diverge at this
    learning rate and at a half and a quarter of it.

    Source: Goodfellow et al. 2014, arXiv 1406.2661.

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> problem = rom.SubmodelProblem(np.random.default_rng(0).normal(size=(40, 3)))
    >>> method = rom.GAN(networks=rom.Perceptrons((8,)), steps=2)
    >>> found = rom.boundary_generator(problem, method, key=jax.random.key(0))
    >>> found.generate(jax.random.key(1), n=5).shape
    (5, 3)
    """

    latent: int = 16
    networks: AbstractPlayers = Perceptrons()
    learning_rate: float = 2e-4
    steps: int = 3000
    batch: int = 64
    ema: float = 0.999

    papers: ClassVar[tuple[Paper, ...]] = (GENERATIVE_ADVERSARIAL,)

    def __check_init__(self):
        check_instance("networks", self.networks, AbstractPlayers, "such as Perceptrons()")
        for name in ("latent", "steps", "batch"):
            check_integer(name, getattr(self, name), minimum=1)
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)
        check_number("ema", self.ema, minimum=0.0, maximum=1.0)

    def estimate(self, data: Standardised, key: Any, progress: bool | None) -> FittedLaw:
        """See `rom.boundary_generator`."""
        return estimate_by_game(NonSaturating(self.latent), self, 1, data, key, progress)
