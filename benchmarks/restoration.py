"""DDS against DPS at equal quality, against DeepInverse's DPS and DiffPIR, and our MRI against SigPy's.

`python benchmarks/restoration.py`. The problem is the study's: k-space of four coils at three of eight columns, noise
0.02, with the exact denoiser of a mixture of Gaussians as the prior. Runs are timed in turn after a first one that
compiles, and medians are printed. For DPS the best of several step sizes is taken, on both sides.
"""

import importlib.metadata
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from _restoration_peers import load
from _timing import medians
from perturbax import core, diffusion, nn, systems
from perturbax.studies.dds import psnr
from perturbax.studies.imaging import held_out, mixture_prior, operator_of

ZETAS = (0.3, 1.0, 3.0)
KEY = jax.random.key(0)


def problem_of(seed: int) -> tuple[diffusion.InverseProblem, np.ndarray]:
    operator_key, noise_key = jax.random.split(jax.random.key(seed))
    operator = operator_of("MRI", operator_key)
    truth = held_out("MRI", seed, 32)
    clean = jax.vmap(operator)(jnp.asarray(truth))
    noise = 0.02 * jax.random.normal(noise_key, (2, *clean.shape))
    return diffusion.InverseProblem(mixture_prior()[1], operator, clean + noise[0] + 1j * noise[1], 0.02), truth


def restored(problem: diffusion.InverseProblem, method: Any) -> np.ndarray:
    return np.asarray(diffusion.restore(problem, method, key=KEY).x)


def dds(steps: int) -> diffusion.DDS:
    return diffusion.DDS(diffusion.Proximal(gamma=50.0), diffusion.Renoise(steps=steps))


def equal_quality(problem: diffusion.InverseProblem, truth: np.ndarray) -> None:
    """The best that DPS reaches at any budget here, and the fewest evaluations with which DDS reaches it."""
    best = max(
        (psnr(restored(problem, diffusion.DPS(steps, zeta)), truth), steps, zeta)
        for steps in (50, 100, 200, 500, 1000)
        for zeta in ZETAS
    )
    quality, steps, zeta = best
    print(f"the pseudo-inverse gives {psnr(restored(problem, diffusion.Tikhonov()), truth):.1f} dB")
    budgets = (3, 4, 5, 7, 10, 15, 20, 30, 50, 100)
    enough = next((n for n in budgets if psnr(restored(problem, dds(n)), truth) >= quality), None)
    print(f"best of DPS: {quality:.1f} dB with {steps} evaluations, zeta {zeta:g}")
    if enough is None:
        print(f"DDS reaches it with none of {budgets} evaluations")
        return
    calls = {
        "DDS": lambda: restored(problem, dds(enough)),
        "DPS": lambda: restored(problem, diffusion.DPS(steps, zeta)),
    }
    seconds = medians(calls)
    print(
        f"DDS reaches it with {enough} evaluations: {steps / enough:.0f}x fewer, {seconds['DPS']:.3f} s against "
        f"{seconds['DDS']:.3f} s, {seconds['DPS'] / seconds['DDS']:.0f}x faster"
    )


def step_with_a_network() -> None:
    """Time of a step where the network is what costs: DPS runs it backwards too."""
    network = nn.ResidualMLP(784, width=1024, blocks=4, key=jax.random.key(1))
    process = diffusion.VPLinear()

    def model(x: Any, t: Any) -> Any:
        return network(x.reshape(x.shape[0], -1), t).reshape(x.shape)

    prior = diffusion.Sampling(model, process, (28, 28))
    operator = systems.MRI(systems.column_mask(KEY, (28, 28)), systems.coil_maps(4, (28, 28)))
    problem = diffusion.InverseProblem(prior, operator, jnp.zeros((32, *operator.measured.shape)) + 0.1, 0.02)
    seconds = medians(
        {"DDS": lambda: restored(problem, dds(20)), "DPS": lambda: restored(problem, diffusion.DPS(20))}, 5
    )
    print(
        f"a step with a network of {sum(w.size for w in jax.tree.leaves(network) if hasattr(w, 'size')) / 1e6:.1f} M "
        f"weights: DPS / DDS = {seconds['DPS'] / seconds['DDS']:.2f} (wanted 2 to 3)"
    )


class _Physics:
    """The operator as a matrix in torch, on images `(batch, 1, 8, 8)`."""

    def __init__(self, problem: diffusion.InverseProblem, module: Any):
        columns = np.asarray(jax.vmap(problem.operator)(jnp.eye(64).reshape(64, 8, 8))).reshape(64, -1)
        self.matrix = torch.from_numpy(np.concatenate([np.real(columns), np.imag(columns)], 1).T.copy())
        y = np.asarray(problem.y).reshape(problem.batch, -1)
        self.y = torch.from_numpy(np.concatenate([np.real(y), np.imag(y)], 1))
        self.module = module

    def of(self, noise_std: float) -> Any:
        return self.module.LinearPhysics(
            A=lambda x, **_: x.reshape(x.shape[0], -1) @ self.matrix.T.to(x.dtype),
            A_adjoint=lambda y, **_: (y @ self.matrix.to(y.dtype)).reshape(-1, 1, 8, 8),
            noise_model=self.module.GaussianNoise(sigma=noise_std),
        )


def _torch_denoiser(base: Any, half: bool) -> Any:
    """The exact denoiser of the mixture in torch; with `half` on images in [0, 1]."""
    mixture = mixture_prior()[0]
    weights, means, values, vectors = (
        torch.from_numpy(np.array(part))
        for part in (mixture.weights, mixture.means, mixture.eigenvalues, mixture.eigenvectors)
    )

    class Exact(base):
        def forward(self, x: Any, sigma: Any, **_: Any) -> Any:
            u = (2 * x - 1 if half else x).reshape(x.shape[0], -1).float()
            level = (2 if half else 1) * torch.as_tensor(sigma).float().reshape(-1)[0]
            rotated = torch.einsum("ni,kij->nkj", u, vectors) - torch.einsum("ki,kij->kj", means, vectors)
            variances = values + level**2
            log_joint = torch.log(weights) - 0.5 * (rotated**2 / variances + torch.log(variances)).sum(-1)
            gained = torch.einsum("ki,kij->kj", means, vectors) + values / variances * rotated
            share = torch.softmax(log_joint, -1)[..., None]
            denoised = torch.einsum("nkj,kij->ni", share * gained, vectors).reshape(x.shape)
            return (denoised + 1) / 2 if half else denoised

    return Exact()


def deep_inverse(problem: diffusion.InverseProblem, truth: np.ndarray, steps: int = 50) -> None:
    sampling, physics_module = load("deepinv.sampling"), load("deepinv.physics")
    data_fidelity, models = load("deepinv.optim.data_fidelity"), load("deepinv.models")
    physics = _Physics(problem, physics_module)
    plain, half = (_torch_denoiser(models.Denoiser, flag) for flag in (False, True))
    ones = torch.ones(1, 1, 8, 8)

    def dps(weight: float) -> np.ndarray:
        sampler = sampling.DPS(plain, num_steps=steps, weight=weight, minus_one_one=False, rng=torch.Generator())
        x = sampler(physics.y, physics.of(0.02), x_init=(32, 1, 8, 8), seed=1)
        return x.detach().numpy().reshape(32, 8, 8)

    def diffpir(weight: float) -> np.ndarray:
        # On images in [0, 1]: u = (x + 1) / 2, so that A u = (y + A 1) / 2 with half of the noise.
        operator = physics.of(0.01)
        fidelity = data_fidelity.L2()
        sampler = sampling.DiffPIR(half, fidelity, sigma=0.01, max_iter=steps, lambda_=weight)
        u = sampler((physics.y + operator.A(ones)) / 2, operator, seed=1)
        return 2 * u.detach().numpy().reshape(32, 8, 8) - 1

    ours = {
        "DDS": dds(steps),
        **{f"DPS {zeta:g}": diffusion.DPS(steps, zeta) for zeta in ZETAS},
        **{f"DiffPIR {w:g}": diffusion.DiffPIR(steps, weight=w) for w in (1.0, 7.0)},
    }
    theirs: dict[str, Callable[[], np.ndarray]] = {
        **{f"their DPS {w:g}": (lambda w=w: dps(w)) for w in (10.0, 30.0, 100.0, 300.0, 1000.0)},
        **{f"their DiffPIR {w:g}": (lambda w=w: diffpir(w)) for w in (1.0, 7.0)},
    }
    calls = {name: (lambda method=method: restored(problem, method)) for name, method in ours.items()} | theirs
    quality = {name: psnr(call(), truth) for name, call in calls.items()}
    shown = {}
    for family in ("DDS", "DPS", "DiffPIR", "their DPS", "their DiffPIR"):
        members = [name for name in calls if name == family or name.rpartition(" ")[0] == family]
        best = max(members, key=lambda name: quality[name])
        shown[best] = calls[best]
    seconds = medians(shown, 5)
    version = importlib.metadata.version("deepinv")
    print(f"{steps} evaluations, 32 images; theirs is deepinv {version}, torch {torch.__version__}, with our denoiser")
    for name in shown:
        print(f"  {name:>20}: {quality[name]:5.1f} dB, {seconds[name]:.3f} s")


def agreement_with_sigpy() -> None:
    """SigPy's FFT is centred: the zero frequency and the origin of the image are in the middle."""
    linop = load("sigpy.mri.linop")
    mask = systems.column_mask(KEY, (32, 32), acceleration=3)
    maps = systems.coil_maps(4, (32, 32))
    random = np.random.default_rng(0)
    image = (random.normal(size=(32, 32)) + 1j * random.normal(size=(32, 32))).astype(np.complex64)
    ours = systems.MRI(mask, maps, complex_image=True)

    def centre(a: Any) -> Any:
        return np.fft.fftshift(a, axes=(-2, -1))

    theirs = linop.Sense(centre(maps), weights=centre(mask).astype(np.float32))
    y = np.asarray(ours(jnp.asarray(image)))
    forward = np.abs(theirs * centre(image) - centre(y)).max()
    back = np.abs(theirs.H * centre(y) - centre(np.asarray(ours.adjoint(jnp.asarray(y))))).max()
    version = importlib.metadata.version("sigpy")
    print(f"MRI of four coils differs from sigpy {version}'s Sense by {forward:.1e}, its adjoint by {back:.1e} (1e-4)")


if __name__ == "__main__":
    core.enable_compilation_cache()
    print(f"jax {jax.__version__}, {jax.devices()[0].platform}")
    agreement_with_sigpy()
    # With the mask of the first seed the coils determine the image without a prior, with that of the other they do not.
    problems = [problem_of(seed) for seed in (0, 4)]
    for problem, truth in problems:
        equal_quality(problem, truth)
    step_with_a_network()
    for problem, truth in problems:
        deep_inverse(problem, truth)
