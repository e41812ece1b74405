"""Losses of preference optimisation as functions of the denoising errors of pairs, for arrays of any framework.

A pair of a winner and a loser is noised at one time and with one noise. `E` is the denoising error of the trained model
and `E_ref` that of the reference, each of shape `(pairs,)`; the implicit reward of an image is `-E + E_ref` up to a
factor, and what all losses with a reference look at is the margin

    m = (E^w - E_ref^w) - (E^l - E_ref^l)

which is negative where the winner is preferred. It is a difference of nearly equal numbers: give errors in float32.

Everything here is `+`, `*` and four functions that JAX, NumPy and torch all have, so that a training loop of another
framework can use it, gradients included.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..interop import namespace_of


class Errors(NamedTuple):
    """The four errors of pairs; those of the reference are `None` for losses that need none."""

    winner: Any
    loser: Any
    reference_winner: Any = None
    reference_loser: Any = None


def margin(winner: Any, loser: Any, reference_winner: Any, reference_loser: Any) -> Any:
    """`m = (E^w - E_ref^w) - (E^l - E_ref^l)`.

    >>> margin(1.0, 3.0, 1.5, 2.0)
    -1.5
    """
    return (winner - reference_winner) - (loser - reference_loser)


def dpo(winner: Any, loser: Any, reference_winner: Any, reference_loser: Any, *, beta: Any) -> Any:
    """The loss of Diffusion-DPO, `-mean log sigmoid(-beta m / 2)`; `log 2` where the model is the reference.

    **Arguments:** the four errors, shape `(pairs,)`; `beta`: strength of the pull to the reference, with the number of
    time steps and the weight of the derivation inside.

    **Returns:** a scalar of their framework.

    Source: Wallace et al. 2024.

    >>> import numpy as np
    >>> zeros = np.zeros(3)
    >>> bool(dpo(zeros, zeros, zeros, zeros, beta=500.0) == np.log(2.0))
    True
    """
    return _softplus(0.5 * beta * margin(winner, loser, reference_winner, reference_loser)).mean()


def ipo(winner: Any, loser: Any, reference_winner: Any, reference_loser: Any, *, beta: Any) -> Any:
    """The loss of IPO, `mean (-m / 2 - 1 / (2 beta))^2`, whose minimum is at a finite margin.

    **Arguments:** as for `dpo`.

    **Returns:** a scalar of their framework.

    Source: Azar et al. 2024, equation 17, with the log-likelihood ratio of Wallace et al. 2024.

    >>> import numpy as np
    >>> float(ipo(np.array([1.0]), np.array([2.0]), np.array([1.0]), np.array([1.0]), beta=1.0))
    0.0
    """
    return ((-0.5 * margin(winner, loser, reference_winner, reference_loser) - 0.5 / beta) ** 2).mean()


def mapo(winner: Any, loser: Any, *, beta: Any, scale: Any, timesteps: Any) -> Any:
    """The loss of MaPO, `mean E^w - beta mean log sigmoid(T (o^w - o^l))` with `o = s E / (e^{s E} - 1)`.

    **Arguments:** the two errors of the trained model, shape `(pairs,)`; `beta`: weight of the margin; `scale`: `s`;
    `timesteps`: `T`.

    **Returns:** a scalar of their framework.

    Source: Hong et al. 2024, and its code.

    >>> import numpy as np
    >>> float(mapo(np.ones(2), np.ones(2), beta=0.0, scale=0.5, timesteps=1000))
    1.0
    """
    gain = timesteps * (_odds(scale * winner) - _odds(scale * loser))
    return winner.mean() + beta * _softplus(-gain).mean()


def implicit_accuracy(winner: Any, loser: Any, reference_winner: Any, reference_loser: Any) -> Any:
    """The share of pairs whose margin prefers the winner; ties, as where the model is the reference, count half.

    >>> import numpy as np
    >>> float(implicit_accuracy(np.array([0.0, 1.0, 1.0, 1.0]), *np.ones((3, 4))))
    0.625
    """
    m = margin(winner, loser, reference_winner, reference_loser)
    return (0.5 - 0.5 * _namespace(m).sign(m)).mean()


def _softplus(z: Any) -> Any:
    """`log(1 + e^z) = -log sigmoid(-z)`, without overflow."""
    return _namespace(z).logaddexp(0.0 * z, z)


def _odds(u: Any) -> Any:
    """`u / (e^u - 1)`, in the form whose gradient stays finite for large `u`."""
    xp = _namespace(u)
    return u * xp.exp(-u) / -xp.expm1(-u)


def _namespace(array: Any) -> Any:
    return jnp if isinstance(array, jax.Array) else namespace_of(array)
