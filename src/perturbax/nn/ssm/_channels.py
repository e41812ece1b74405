"""One system for each channel, as `S4` and `S4D` have them: what all of these start from."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ...core import check_integer, check_key
from ._layer import Spectrum, as_pair, draw_log_dt
from ._modes import Modes


class Channels(NamedTuple):
    """Parameters with the channels in front."""

    spectrum: Spectrum
    B: Float[Array, "width modes 2"]
    C: Float[Array, "width modes 2"]
    D: Float[Array, " width"]
    log_dt: Float[Array, " width"]


def draw_channels(width: int, modes: Modes, key: PRNGKeyArray, dt: Any) -> Channels:
    """The same modes in every channel, with `C` normal in the basis before diagonalisation, normal `D`, and steps."""
    width = check_integer("width", width, minimum=1)
    C_key, D_key, dt_key = jax.random.split(check_key("key", key), 3)
    shape = (width, modes.values.size)
    return Channels(
        Spectrum(np.broadcast_to(modes.values, shape)),
        as_pair(np.broadcast_to(modes.inputs, shape)),
        jnp.einsum("hN,Nnc->hnc", jax.random.normal(C_key, (width, modes.size)), as_pair(modes.outputs)),
        jax.random.normal(D_key, (width,)),
        draw_log_dt(dt_key, dt, (width,)),
    )
