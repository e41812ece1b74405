"""State-space layers against S4D in torch, their growth with the length, and `linalg.diagonalize` against LAPACK alone.

`python benchmarks/ssm.py`. What is compared runs in turn in one process; medians are printed. The S4D in torch is
written for the timing, with the parameters of ours: once with all powers of all modes, as public code has it, and once
with our two short tables of them.
"""

import importlib.metadata
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import torch

from _timing import medians
from perturbax import core, linalg
from perturbax.nn import ssm

KEY = jax.random.key(0)


class TorchS4D(torch.nn.Module):
    """S4D with zero-order hold and the parameters of one of our layers."""

    def __init__(self, layer: ssm.S4D, tables: bool):
        super().__init__()
        parts = {
            "log_decay": layer.spectrum.log_decay,
            "frequency": layer.spectrum.frequency,
            "B": layer.B,
            "C": layer.C,
            "D": layer.D,
            "log_dt": layer.log_dt,
        }
        for name, value in parts.items():
            setattr(self, name, torch.nn.Parameter(torch.tensor(np.asarray(value))))
        self.tables = tables

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        length = u.shape[-2]
        values = torch.complex(-self.log_decay.exp(), self.frequency)
        log_a = values * self.log_dt.exp()[:, None]
        weights = torch.view_as_complex(self.C) * torch.view_as_complex(self.B) * (log_a.exp() - 1.0) / values
        if self.tables:
            m = math.isqrt(length - 1) + 1
            inner = torch.exp(log_a[..., None] * torch.arange(m))
            outer = weights[..., None] * torch.exp(log_a[..., None] * (m * torch.arange(-(-length // m))))
            left, right = torch.cat([outer.real, -outer.imag], 1), torch.cat([inner.real, inner.imag], 1)
            kernel = 2.0 * (left.mT @ right).flatten(1)[:, :length]
        else:
            powers = torch.exp(log_a[..., None] * torch.arange(length))
            kernel = 2.0 * torch.einsum("hn,hnl->hl", weights, powers).real
        product = torch.fft.rfft(u.mT, 2 * length) * torch.fft.rfft(kernel, 2 * length)
        return torch.fft.irfft(product, 2 * length)[..., :length].mT + self.D * u


def loss(layer: Any, u: Any) -> Any:
    return jnp.mean(layer(u) ** 2)


gradient = eqx.filter_jit(eqx.filter_grad(loss))


def layers(width: int = 64, size: int = 64, length: int = 1024, batch: int = 8) -> None:
    """Forward and backward of one layer."""
    u = np.random.default_rng(0).normal(size=(batch, length, width)).astype(np.float32)
    ours = {
        "S4D": ssm.S4D(width, ssm.s4d_legs(size), key=KEY),
        "S5": ssm.S5(width, ssm.s4d_legs(size), key=KEY),
        "S4": ssm.S4(width, ssm.dplr(size), key=KEY),
    }
    theirs = {"torch": TorchS4D(ours["S4D"], tables=False), "torch with our tables": TorchS4D(ours["S4D"], tables=True)}
    x, given = jnp.asarray(u), torch.tensor(u)
    wanted = np.asarray(eqx.filter_jit(ours["S4D"])(x))
    for name, peer in theirs.items():
        apart = np.abs(peer(given).detach().numpy() - wanted).max() / np.abs(wanted).max()
        print(f"{name} and ours differ by {apart:.1e} of the largest output")

    def backward(peer: torch.nn.Module) -> None:
        peer.zero_grad()
        (peer(given) ** 2).mean().backward()

    calls: dict[str, Callable[[], Any]] = {name: lambda layer=layer: gradient(layer, x) for name, layer in ours.items()}
    calls |= {name: lambda peer=peer: backward(peer) for name, peer in theirs.items()}
    took = medians(calls)
    print(f"forward and backward, {batch} sequences of {length}, {width} channels, N = {size}:")
    for name, seconds in took.items():
        print(f"  {name}: {1e3 * seconds:.0f} ms, {took['torch'] / seconds:.2f} times as fast as S4D in torch")


def growth(width: int = 16, size: int = 32, lengths: tuple[int, ...] = (1024, 4096, 16384, 65536)) -> None:
    """Forward and backward of one sequence: the slope of log seconds in log length, wanted about 1."""
    made = {cls.__name__: cls(width, ssm.s4d_legs(size), key=KEY) for cls in (ssm.S4D, ssm.S5)}
    for name, layer in made.items():
        seconds = []
        for length in lengths:
            u = jax.random.normal(KEY, (1, length, width))
            seconds.append(medians({name: lambda layer=layer, u=u: gradient(layer, u)}, repeats=3)[name])
        slope = np.polyfit(np.log(lengths), np.log(seconds), 1)[0]
        told = ", ".join(f"{length}: {1e3 * s:.0f} ms" for length, s in zip(lengths, seconds, strict=True))
        print(f"{name} of {width} channels, N = {size}, by length {told}; slope {slope:.2f}")


def diagonalisation(sizes: tuple[int, ...] = (16, 64, 256)) -> None:
    """HiPPO-LegS: what the report costs beside the decomposition of the same perturbed matrix, and what is gained."""
    for size in sizes:
        A = ssm.legs(size).A
        found = linalg.diagonalize(A, linalg.RandomPTD(0.1), key=KEY)
        near = A + found.perturbation
        took = medians(
            {
                "numpy": lambda near=near: np.linalg.eig(near),
                "scipy": lambda near=near: scipy.linalg.eig(near),
                "RandomPTD": lambda A=A: linalg.diagonalize(A, linalg.RandomPTD(0.1), key=KEY).values,
            },
            repeats=5,
        )
        with warnings.catch_warnings():
            # That its eigenvectors are ill-conditioned is what is shown.
            warnings.simplefilter("ignore", UserWarning)
            plain = linalg.diagonalize(A, linalg.Eig())
        print(
            f"N = {size}: RandomPTD with its report takes {took['RandomPTD'] / took['numpy']:.1f}x numpy's eig and "
            f"{took['RandomPTD'] / took['scipy']:.1f}x scipy's ({1e3 * took['RandomPTD']:.1f} ms); condition number "
            f"{found.condition:.1e} in the place of {plain.condition:.1e}, backward error {found.backward_error:.1e} "
            f"in the place of {plain.backward_error:.1e}"
        )
    start = time.perf_counter()
    best = linalg.diagonalize(ssm.legs(64).A, linalg.PTD(), key=KEY)
    print(
        f"N = 64: PTD takes {time.perf_counter() - start:.1f} s, {best.stats['evaluations']} eigendecompositions, for "
        f"|E| = {np.linalg.norm(best.perturbation, 2):.2f} and condition number {best.condition:.1e}"
    )


if __name__ == "__main__":
    core.enable_compilation_cache()
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("jax", "torch", "numpy", "scipy")))
    layers()
    growth()
    diagonalisation()
