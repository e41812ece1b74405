"""A conditional variational autoencoder of traces.

With the encoder `N(m(u, p), diag s(u, p)^2)`, the decoder `g(z, p)` and noise of standard deviation `sigma`, which is
trained along,

    loss = mean [ |u - g(z, p)|^2 / (2 sigma^2) + d log sigma + KL(N(m, s^2) | N(0, I)) ],    z = m + s e,  e ~ N(0, I)

A draw is `g(z, p)` with `z ~ N(0, I)`, without the noise, which would roughen the traces.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, adam, check_integer, check_number, fit
from ..nn import ConditionalMLP
from ._boundary_problem import Standardised
from ._papers import CONDITIONAL_VAE
from ._trace_law import AbstractGeneratorMethod, FittedLaw, NetworkLaw

_START_SIGMA = 0.3


class ConditionalVAE(AbstractGeneratorMethod):
    """A variational autoencoder conditioned on the parameters. Stable to train, but its traces are rough:
    in the study `wgan-submodel` they have up to five times the true strain energy.

    **Arguments:** `latent`: size of the latent variable; `hidden`: widths of encoder and decoder; `learning_rate` of
    Adam, `steps`, `batch`: of the training; the best of evaluations each 250 steps on the traces set aside is kept.

    **Returns:** a frozen method for `rom.boundary_generator`.

    **Raises:** `ValueError` when a number is out of range; when used, `SolverError` when a loss is not finite.

    Source: Kingma & Welling 2014, arXiv 1312.6114; Sohn et al. 2015 (conditions).

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> problem = rom.SubmodelProblem(np.random.default_rng(0).normal(size=(40, 3)))
    >>> found = rom.boundary_generator(problem, rom.ConditionalVAE(hidden=(8,), steps=2), key=jax.random.key(0))
    >>> found.generate(jax.random.key(1), n=5).shape
    (5, 3)
    """

    latent: int = 16
    hidden: tuple[int, ...] = (128, 128)
    learning_rate: float = 1e-3
    steps: int = 10_000
    batch: int = 64

    papers: ClassVar[tuple[Paper, ...]] = (CONDITIONAL_VAE,)

    def __check_init__(self):
        for name in ("latent", "steps", "batch"):
            check_integer(name, getattr(self, name), minimum=1)
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)

    def estimate(self, data: Standardised, key: Any, progress: bool | None) -> FittedLaw:
        """See `rom.boundary_generator`."""
        first, second, fit_key = jax.random.split(key, 3)
        d, q = data.u.shape[1], data.p.shape[1]
        model = Autoencoder(
            ConditionalMLP(d, q, self.hidden, 2 * self.latent, key=first),
            ConditionalMLP(self.latent, q, self.hidden, d, key=second),
            jnp.log(jnp.float32(_START_SIGMA)),
        )
        # What `fit` is given must not be empty, parameters may be.
        parts = slice(2 if q else 1)
        held = (data.held_u, data.held_p)[parts] if len(data.held_u) else None
        found = fit(
            autoencoder_loss,
            model,
            (data.u, data.p)[parts],
            steps=self.steps,
            batch_size=min(self.batch, len(data.u)),
            optimizer=adam(self.learning_rate),
            key=fit_key,
            chunk=250,
            validation=held,
            progress=progress,
            throw=False,
        )
        stats = {"best_step": int(found.best_step), "evaluations": found.steps}
        law = NetworkLaw(found.model.decoder, self.latent)
        return FittedLaw(law, {"loss": found.losses}, found.result, stats)


class Autoencoder(eqx.Module):
    """Encoder to means and logarithms of standard deviations, decoder, and the logarithm of the noise."""

    encoder: ConditionalMLP
    decoder: ConditionalMLP
    log_sigma: Float[Array, ""]


def autoencoder_loss(model: Autoencoder, batch: tuple[Any, ...], key: Any) -> Float[Array, ""]:
    """The negative evidence lower bound of a row, without constants, of rows and, when there are any, parameters."""
    u = batch[0]
    p = batch[1] if len(batch) > 1 else u[:, :0]
    mean, log_spread = jnp.split(model.encoder(u, p), 2, axis=-1)
    z = mean + jnp.exp(log_spread) * jax.random.normal(key, mean.shape)
    rest = jnp.square(u - model.decoder(z, p)).sum(-1) * jnp.exp(-2.0 * model.log_sigma) / 2.0
    divergence = 0.5 * (jnp.square(mean) + jnp.exp(2.0 * log_spread) - 1.0).sum(-1) - log_spread.sum(-1)
    return jnp.mean(rest + divergence) + u.shape[-1] * model.log_sigma
