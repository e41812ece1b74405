"""`fit`: train the denoiser of a process. The problem, the verb and what its methods share.

At noise level `sigma` the network sees `x = y + sigma z` and is trained to say `y`; `z` is the noise of the process.
In the rescaled state `x_t / alpha_t` every process of this package has that form, so that one loss serves all.
"""

import abc
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Fit, Method, check_array, check_instance, check_integer, check_number
from ..core import fit as run_fit
from ..data import IdealDenoiser
from ..nn import EDMPreconditioned, ResidualMLP, edm_loss
from ._door import check_callable
from ._process import AbstractProcess


class DenoisingProblem(eqx.Module):
    """The problem of training a denoiser.

    **Arguments:**

    - `data`: shape `(n, ...)`; samples of more than one axis reach the network as rows.
    - `network`: `(x, level, label) -> y` with `x` and `y` of shape `(batch, d)` and of about unit variance, such as
      `nn.ResidualMLP`; or a denoiser `nn.EDMPreconditioned`, to go on training it, also for another process.
    - `labels`: classes `0, 1, ...` of the data, for a conditional network.

    **Raises:** `ValueError` or `TypeError` when an argument is not what it should be.

    >>> from perturbax import diffusion, nn
    >>> network = nn.ResidualMLP(2, width=8, blocks=1, key=jax.random.key(0))
    >>> diffusion.DenoisingProblem(np.ones((5, 2)), network).rows.shape
    (5, 2)
    """

    data: Any
    network: Any
    labels: Any = None

    def __check_init__(self):
        data = check_array("data", self.data)
        if data.ndim < 2:
            raise ValueError(f"data must have shape (n, ...), got {tuple(data.shape)}")
        check_callable("network", self.network, "network(x, level, label)")
        network = self.network.network if isinstance(self.network, EDMPreconditioned) else self.network
        if self.labels is not None:
            labels = np.asarray(check_array("labels", self.labels, shape=(data.shape[0],), kind="integer"))
            # A network without labels refuses them itself; the last axis but one is the classes', also over seeds.
            classes = network.labels.shape[-2] if isinstance(network, ResidualMLP) else 0
            if labels.min() < 0 or (classes and labels.max() >= classes):
                wanted = f"0 to {classes - 1}" if classes else "not negative"
                raise ValueError(f"labels must be {wanted}, got {labels.min()} to {labels.max()}")

    @property
    def rows(self) -> Float[np.ndarray, "n d"]:
        """The data as rows in float32, or in float64 where that is switched on."""
        data = np.asarray(self.data)
        return data.reshape(data.shape[0], -1).astype(jax.dtypes.canonicalize_dtype(np.float64))


class AbstractDenoisingMethod(Method):
    """A method of `diffusion.fit`: the process, and where its noise levels lie."""

    log_sigma_mean: eqx.AbstractVar[float]
    log_sigma_std: eqx.AbstractVar[float]
    sigma_data: eqx.AbstractVar[Any]
    stable_target: eqx.AbstractVar[int | None]
    drop_label: eqx.AbstractVar[float]

    automatic: ClassVar[str] = "auto"

    @property
    @abc.abstractmethod
    def trained_process(self) -> AbstractProcess:
        """The process whose noise is trained on, and that is to be sampled."""

    def __check_init__(self):
        check_number("log_sigma_mean", self.log_sigma_mean)
        check_number("log_sigma_std", self.log_sigma_std, minimum=0.0, exclusive=True)
        check_number("drop_label", self.drop_label, minimum=0.0, maximum=1.0)
        if self.sigma_data != self.automatic:
            check_number("sigma_data", self.sigma_data, minimum=0.0, exclusive=True)
        if self.stable_target is not None:
            check_integer("stable_target", self.stable_target, minimum=1)

    def loss(self, model: EDMPreconditioned, batch: tuple[Array, ...], key: Any) -> Float[Array, ""]:
        """The denoising loss of a batch `(x,)` or `(x, labels)`; see `nn.edm_loss`."""
        process = self.trained_process
        count = batch[0].shape[0] // (self.stable_target or 1)
        target = None
        if self.stable_target is not None:
            labels = batch[1] if len(batch) == 2 else None
            target = IdealDenoiser(batch[0], labels, process.degrees)
        return edm_loss(
            model,
            batch[0][:count],
            batch[1][:count] if len(batch) == 2 else None,
            key,
            log_sigma_mean=self.log_sigma_mean,
            log_sigma_std=self.log_sigma_std,
            drop_label=self.drop_label,
            noise=_Noises(process.noise),
            target=target,
        )


class _Noises(eqx.Module):
    """The noise of a batch, each sample with a key of its own."""

    noise: Callable

    def __call__(self, key: Any, shape: tuple[int, ...], dtype: Any) -> Float[Array, "batch d"]:
        return jax.vmap(lambda key: self.noise(key, shape[1:], dtype))(jax.random.split(key, shape[0]))


def fit(
    problem: DenoisingProblem,
    method: AbstractDenoisingMethod,
    *,
    key: Any,
    steps: int,
    batch_size: int,
    optimizer: Any,
    ema: float | None = 0.995,
    **options: Any,
) -> Fit:
    """Train a denoiser.

    Its loss is `E w(sigma) |D(y + sigma z; sigma) - y|^2` over the data `y`, noise levels `log sigma ~ N(m, s^2)` and
    the noise `z` of the method's process; the minimiser is the posterior mean that every sampler asks for.

    **Arguments:**

    - `problem`: data and network.
    - `method`: `PFGMPP(D)` or `DenoisingScoreMatching()`.
    - `key`: PRNG key. A batch of keys trains one network per key in one program; every array of the network then has
      that leading axis.
    - `steps`, `batch_size`, `optimizer` (of Optax), `ema`: as for `core.fit`. With small batches clip the gradient:
      `optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))`.
    - `options`: `checkpoint`, `resume`, `progress`, `chunk`, `devices`, `callback`, `throw`, `checkpoint_seconds` of
      `core.fit`.

    **Returns:** a `core.Fit`, whose `model` and `ema_model` are denoisers `(x, sigma, label=None)` on rows. Sample
    with `Sampling(FromDenoiser(done.ema_model, method.trained_process), method.trained_process, shape, Data())`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when a loss is not finite.

    Source: Karras et al. 2022, section 5; Xu et al. 2023, section 3.2.

    >>> import optax
    >>> from perturbax import diffusion, nn
    >>> network = nn.ResidualMLP(2, width=8, blocks=1, key=jax.random.key(0))
    >>> problem = diffusion.DenoisingProblem(np.random.default_rng(0).normal(size=(64, 2)), network)
    >>> done = diffusion.fit(problem, diffusion.PFGMPP(D=8.0), key=jax.random.key(1), steps=3, batch_size=16,
    ...     optimizer=optax.adam(1e-3))
    >>> done.losses.shape
    (3,)
    """
    check_instance("problem", problem, DenoisingProblem, "a diffusion.DenoisingProblem")
    check_instance("method", method, AbstractDenoisingMethod, "a method such as PFGMPP()")
    check_options("diffusion.fit", options)
    rows = problem.rows
    batch_size = check_integer("batch_size", batch_size, minimum=1) * (method.stable_target or 1)
    if batch_size > rows.shape[0]:
        raise ValueError(f"batch_size (times stable_target) must be at most the {rows.shape[0]} data, got {batch_size}")
    typed = isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    model = _denoiser(problem, method, rows, key.shape if typed else ())
    frozen = jax.tree.map(eqx.is_inexact_array, model)
    labels = () if problem.labels is None else (np.asarray(problem.labels, np.int32),)
    return run_fit(
        method.loss,
        model,
        (rows, *labels),
        steps=steps,
        batch_size=batch_size,
        optimizer=optimizer,
        key=key,
        ema=ema,
        filter_spec=eqx.tree_at(lambda m: m.centre, frozen, False),
        **options,
    )


_OPTIONS = {
    "callback", "checkpoint", "checkpoint_seconds", "chunk", "devices", "progress", "resume", "throw",
}  # fmt: skip


def check_options(verb: str, options: Mapping[str, Any]) -> None:
    """Refuse what is no option of `core.fit` that a verb hands on."""
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise TypeError(f"{unknown[0]} is no option of {verb}; there are {', '.join(sorted(_OPTIONS))}")


def _denoiser(
    problem: DenoisingProblem, method: AbstractDenoisingMethod, rows: np.ndarray, seeds: tuple[int, ...]
) -> EDMPreconditioned:
    if isinstance(problem.network, EDMPreconditioned):
        if method.sigma_data != method.automatic:
            raise ValueError("sigma_data must be 'auto' to go on training a denoiser, which has its own")
        return problem.network
    if method.sigma_data == method.automatic:
        centre = rows.mean(0)
        scale = float(np.sqrt(np.square(rows - centre).mean()))
        if scale == 0.0:
            raise ValueError("data must not be constant; its standard deviation is 0")
    else:
        centre, scale = np.zeros_like(rows[0]), float(method.sigma_data)
    return EDMPreconditioned(problem.network, scale, jnp.broadcast_to(jnp.asarray(centre), (*seeds, centre.size)))


SigmaData = float | int | Literal["auto"]
