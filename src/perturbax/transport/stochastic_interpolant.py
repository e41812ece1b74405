r"""Stochastic interpolants: two distributions joined through data and latent noise, with an ODE and all its SDEs.

Albergo, Boffi & Vanden-Eijnden 2023. On a path `x_t = alpha x_0 + beta x_1 + gamma z` the velocity and the denoiser,

    b(x, t) = E[alpha' x_0 + beta' x_1 + gamma' z | x_t = x],    eta(x, t) = E[z | x_t = x] = -gamma grad log rho_t(x),

are minimisers of quadratic losses, `E [|b|^2 / 2 - x_t' . b]` and `E [|eta|^2 / 2 - z . eta]`. One network has an
output for each. After training any `eps(t) >= 0` can be chosen for `dX = (b + eps s) dt + sqrt(2 eps) dW`.
"""

from typing import Any, ClassVar

from ..core import Paper
from . import _papers
from ._coupling import Coupling
from ._fit_interpolant import AbstractInterpolantMethod, Trained
from ._path import AbstractPath, LinearPath, check_path
from ._regress import check_targets, check_training, train
from ._targets import AbstractTarget, Denoiser, Velocity


class StochasticInterpolant(AbstractInterpolantMethod):
    """A stochastic interpolant on any path, with any choice of what is learnt.

    Paths from noise contain flow matching, rectified flow and score-based diffusion. With pairs of an entropic plan,
    `LinearPath(BridgeNoise(eps))` is a Schrödinger bridge, and `drift(x, t, eps / 2)` its drift.

    **Arguments:**

    - `path`: `LinearPath(noise)`, `TrigonometricPath(noise)`, `EncodingDecodingPath()`, `MirrorPath(noise)`,
      `OneSidedLinearPath()`, `OneSidedTrigonometricPath()`, `VariancePreservingPath()` or your own.
    - `targets`: of `Velocity()`, `DataVelocity()`, `Denoiser()` and `Score()`, those from which the velocity follows.
      Without denoiser or score there is only the ODE.
    - `hidden`: widths of a perceptron on `[x, t, condition]`.
    - `steps`, `batch_size`, `learning_rate`: of Adam, whose rate falls to 0 as a cosine.

    **Returns:** a frozen method for `transport.fit_interpolant`.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Albergo et al. 2023, arXiv 2303.08797; rate and batch of its released code are 2e-3 and 2000.

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> x0 = np.random.default_rng(0).normal(size=(500, 2))
    >>> method = transport.StochasticInterpolant(hidden=(16,), steps=300, batch_size=64)
    >>> solved = transport.fit_interpolant(transport.Coupling(x0, x0 + 3.0), method, key=jax.random.key(0))
    >>> solved.sample(jax.random.key(1), 200, transport.SDE(steps=50)).x.mean(0).round().tolist()
    [3.0, 3.0]
    """

    path: AbstractPath = LinearPath()
    targets: tuple[AbstractTarget, ...] = (Velocity(), Denoiser())
    hidden: tuple[int, ...] = (96, 96, 96)
    steps: int = 2500
    batch_size: int = 512
    learning_rate: float = 2e-3

    papers: ClassVar[tuple[Paper, ...]] = (_papers.STOCHASTIC_INTERPOLANTS, _papers.NORMALIZING_FLOW_INTERPOLANTS)

    def __check_init__(self):
        check_path(self.path)
        check_targets(self.path, self.targets)
        check_training(self)

    def train(self, problem: Coupling, key: Any, progress: bool | None) -> Trained:
        return train(self, self.path, self.targets, problem, key, progress)
