"""A conditional Wasserstein GAN with gradient penalty, of boundary traces.

A generator `G(z, p)`, `z ~ N(0, I)`, against a critic `D(u, p)`, for each step of the generator `k` of the critic:

    L_D = mean D(G(z, p), p) - mean D(u, p) + lambda mean (|grad_u D(w, p)| - 1)^2,      w = e u + (1 - e) G(z, p)
    L_G = -mean D(G(z, p), p),      e ~ U(0, 1) for each row

Every 250 steps the generator and the average of its parameters are asked how near their traces are to those set aside,
in the sliced 1-Wasserstein distance. The last one within its sampling error of the nearest is kept: the distance of a
hundred traces is blind to small roughness, which decides the strain energy and goes away with longer training.
"""

from typing import Any, ClassVar

from ..core import Paper, check_instance, check_integer, check_number
from ..nn import WassersteinGP
from ._adversarial import estimate_by_game
from ._boundary_problem import Standardised
from ._papers import GRADIENT_PENALTY, WGAN_SUBMODEL
from ._players import AbstractPlayers, Perceptrons
from ._trace_law import AbstractGeneratorMethod, FittedLaw


class WGANGP(AbstractGeneratorMethod):
    """A Wasserstein GAN with gradient penalty, conditioned on the parameters.

    It keeps several modes, and dependence that is not linear. Networks and sizes are ours: those of the paper were not
    accessible.

    **Arguments:**

    - `latent`: size of the noise; `networks`: the form of both networks.
    - `penalty`: `lambda`; `critic_steps`: `k`.
    - `learning_rate` of Adam with `beta = (0, 0.9)`; `steps` of the generator; `batch`: rows of a step.
    - `ema`: decay of the averaged generator.

    **Returns:** a frozen method for `rom.boundary_generator`.

    **Raises:** `ValueError` when a number is out of range; when used, `SolverError` when the critic diverges at this
    learning rate and at a half and a quarter of it.

    Source: Boukraichi et al. 2021, arXiv 2110.13680; Gulrajani et al. 2017, arXiv 1704.00028.

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> problem = rom.SubmodelProblem(np.random.default_rng(0).normal(size=(40, 3)))
    >>> method = rom.WGANGP(networks=rom.Perceptrons((8,)), steps=2)
    >>> found = rom.boundary_generator(problem, method, key=jax.random.key(0))
    >>> found.generate(jax.random.key(1), n=5).shape
    (5, 3)
    """

    latent: int = 16
    networks: AbstractPlayers = Perceptrons()
    penalty: float = 10.0
    critic_steps: int = 5
    learning_rate: float = 2e-4
    steps: int = 3000
    batch: int = 64
    ema: float = 0.999

    papers: ClassVar[tuple[Paper, ...]] = (WGAN_SUBMODEL, GRADIENT_PENALTY)

    def __check_init__(self):
        check_instance("networks", self.networks, AbstractPlayers, "such as Perceptrons()")
        for name in ("latent", "critic_steps", "steps", "batch"):
            check_integer(name, getattr(self, name), minimum=1)
        check_number("penalty", self.penalty, minimum=0.0)
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)
        check_number("ema", self.ema, minimum=0.0, maximum=1.0)

    def estimate(self, data: Standardised, key: Any, progress: bool | None) -> FittedLaw:
        """See `rom.boundary_generator`."""
        game = WassersteinGP(self.latent, self.penalty)
        return estimate_by_game(game, self, self.critic_steps, data, key, progress)
