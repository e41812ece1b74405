"""Speed, agreement and memory of perturbax.diffusion against its peers: `python benchmarks/diffusion.py`.

Both sides sample in float32 from the same start with the same noises, in one process, in alternation; times are
medians, with the ratio of best times beside them. Agreement is measured on a Gaussian mixture, time on a single
Gaussian, whose exact denoiser is four operations on the state: what is left is the cost of the samplers.
"""

import importlib.metadata
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch

import _diffusion_peers as peers
from perturbax import core, data, diffusion
from perturbax.diffusion._noise import path_keys, path_noise

REPEATS = 101
NFE = 20
BATCH, DIMS = 64, 64
KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
# Modes that overlap: at the border between distant modes a trajectory amplifies rounding without bound.
MEANS = 0.25 * RNG.standard_normal((10, DIMS)).astype(np.float32)
VARIANCES = np.geomspace(0.01, 1.0, DIMS).astype(np.float32)
TABLE = diffusion.Discrete(np.cumprod(1 - np.linspace(1e-4, 2e-2, 1000)))
EDM = diffusion.EDM(t_min=0.01, t_max=80.0)


def gaussian(xp: Any) -> Callable:
    """The exact denoiser of one Gaussian, `(x, noise level) -> E[x_0 | x]`, in the operations of torch or JAX."""
    mean, variances = xp.asarray(MEANS[0]), xp.asarray(VARIANCES)
    return lambda x, level: mean + variances / (variances + level**2) * (x - mean)


def mixture(xp: Any) -> Callable:
    """The exact denoiser of a mixture of isotropic Gaussians."""
    means, spread = xp.asarray(MEANS), 0.5

    def denoised(x: Any, level: Any) -> Any:
        variance = spread**2 + level**2
        difference = x[:, None, :] - means
        logits = -0.5 * (difference**2).sum(-1) / variance
        weights = xp.exp(logits - xp.amax(logits, 1)[:, None])
        weights = (weights / weights.sum(1)[:, None])[:, :, None]
        spread_share = spread**2 / variance
        return (weights * means).sum(1) + spread_share * (weights * difference).sum(1)

    return denoised


def in_process(process: diffusion.AbstractProcess, denoised: Callable) -> tuple[Callable, diffusion.AbstractPrediction]:
    """The same denoiser as the network of a process: noise prediction for the table, data prediction for EDM."""
    if isinstance(process, diffusion.EDM):
        return denoised, diffusion.Data()

    def noise(x: Any, n: Any) -> Any:
        time = (n + 1.0) / 1000
        alpha, sigma = process.alpha(time), process.sigma(time)
        return (x - alpha * denoised(x / alpha, sigma / alpha)) / sigma

    return noise, diffusion.Epsilon()


class Seconds(NamedTuple):
    """Of repeated runs. The best is what a machine that does nothing else would need."""

    median: float
    best: float
    each: tuple[float, ...]

    def over(self, other: "Seconds") -> float:
        """The median ratio of runs that were neighbours in time, so that a load that comes and goes hits both."""
        return statistics.median(mine / theirs for mine, theirs in zip(self.each, other.each, strict=True))


def alternately(*runs: Callable[[], Any], repeats: int = REPEATS) -> list[Seconds]:
    """The times of each, warm, taking turns."""
    times: list[list[float]] = [[] for _ in runs]
    for run in runs:
        jax.block_until_ready(run())
    for i in range(repeats):
        for j in range(len(runs)):
            which = (i + j) % len(runs)
            start = time.perf_counter()
            jax.block_until_ready(runs[which]())
            times[which].append(time.perf_counter() - start)
    return [Seconds(statistics.median(each), min(each), tuple(each)) for each in times]


def explicit(process: diffusion.AbstractProcess, intervals: int, final: str) -> tuple[diffusion.Explicit, list[float]]:
    """Karras times, and their noise levels, with 0 after them where the sampler ends at zero."""
    times = diffusion.Karras().times(process, intervals)
    levels = [float(level) for level in process.sigma_bar(times)]
    return diffusion.Explicit(times, final=final), [*levels, 0.0] if final == "zero" else levels


class Case(NamedTuple):
    """Our method, its process, and the peer with the same coefficients."""

    method: diffusion.AbstractPlanned
    process: diffusion.AbstractProcess
    peer: peers.Peer


def plus(
    order: int, grid: diffusion.Explicit, solver_type: str = "midpoint", stochastic: float = 0.0
) -> diffusion.DPMSolverPP:
    # diffusers lowers the order of the last steps under 15 steps only, k-diffusion never.
    stepping = diffusion.Multistep(lower_order_final=False)
    return diffusion.DPMSolverPP(NFE, order, stepping, grid, solver_type, stochastic)


def of_diffusers() -> dict[str, Case]:
    zero, zero_levels = explicit(TABLE, NFE - 1, "zero")
    end, end_levels = explicit(TABLE, NFE, "eps")
    ten, ten_levels = explicit(TABLE, NFE // 2 - 1, "zero")
    pairs = {
        f"DPMSolverMultistep {order} {theirs}": (
            plus(order, zero, ours),
            peers.multistep(order, "dpmsolver++", theirs, zero_levels),
        )
        for order, theirs, ours in (
            (1, "midpoint", "midpoint"),
            (2, "midpoint", "midpoint"),
            (2, "heun", "taylor"),
            (3, "heun", "taylor"),
        )
    }
    pairs |= {
        f"sde-dpmsolver++ {order} midpoint": (
            plus(order, zero, "midpoint", 1.0),
            peers.multistep(order, "sde-dpmsolver++", "midpoint", zero_levels),
        )
        for order in (1, 2)
    }
    single = diffusion.DPMSolverPP(NFE, 3, diffusion.Singlestep(), end, "taylor")
    ddim = diffusion.DDIM(NFE, grid=diffusion.Explicit((np.arange(950, -1, -50) + 1) / 1000))
    pairs |= {
        "DPMSolverSinglestep 3 heun": (single, peers.singlestep(3, "heun", end_levels)),
        "DDIM": (ddim, peers.ddim_loop(NFE)),
        "EulerDiscrete": (diffusion.Euler(NFE, grid=zero), peers.euler(zero_levels)),
        "HeunDiscrete": (diffusion.Heun(NFE - 1, grid=ten), peers.heun(ten_levels)),
    }
    return {f"diffusers {name}": Case(method, TABLE, peer) for name, (method, peer) in pairs.items()}


def of_k_diffusion() -> dict[str, Case]:
    zero, levels = explicit(EDM, NFE - 1, "zero")
    ten, ten_levels = explicit(EDM, NFE // 2 - 1, "zero")
    uniform = diffusion.LogSNR(final="eps")
    ends = [float(level) for level in EDM.sigma_bar(uniform.times(EDM, NFE))]
    pairs = {
        "dpmpp_2m": (plus(2, zero), levels),
        "dpm_fast": (diffusion.DPMSolver(NFE, grid=uniform), ends),
        "euler": (diffusion.Euler(NFE, grid=zero), levels),
        "heun": (diffusion.Heun(NFE - 1, grid=ten), ten_levels),
        "dpmpp_2m_sde": (plus(2, zero, "midpoint", 1.0), levels),
        "dpmpp_3m_sde": (plus(3, zero, "taylor", 1.0), levels),
    }
    return {
        f"k-diffusion {name}": Case(method, EDM, peers.k_diffusion(f"sample_{name}", each))
        for name, (method, each) in pairs.items()
    }


def sampler(case: Case, denoised: Callable) -> Callable[[Any], Any]:
    """Our side: the samples as a function of the start."""
    network, prediction = in_process(case.process, denoised)
    problem = diffusion.Sampling(network, case.process, shape=(DIMS,), prediction=prediction)
    return lambda x: diffusion.sample(problem, case.method, x_T=x, key=KEY).x


def compare(case: Case) -> tuple[float, list[Seconds]]:
    """How far the samples differ, and the times of the peer, of ours under `jit`, and of a plain call of `sample`."""
    x_T = (case.process.prior_std * RNG.standard_normal((BATCH, DIMS))).astype(np.float32)
    plan = diffusion.plan(case.method, case.process)
    # For the comparison the peers are handed the noise that `sample` draws from the key; timed, they draw their own.
    keys, stages = path_keys(KEY, 0, BATCH), range(1, plan.evaluations + 1) if plan.stochastic else ()
    noises = [torch.tensor(np.asarray(path_noise(keys, k, x_T.shape))) for k in stages]
    x, x_torch = jnp.asarray(x_T), torch.tensor(x_T)
    with torch.inference_mode():
        theirs = case.peer(mixture(torch), x_torch, noises).numpy()
        difference = float(np.abs(np.asarray(sampler(case, mixture(jnp))(x)) - theirs).max())
        model, plain = gaussian(torch), sampler(case, gaussian(jnp))
        jitted = jax.jit(plain)
        times = alternately(lambda: case.peer(model, x_torch, []), lambda: jitted(x), lambda: plain(x))
    return difference, times


def against_peers() -> None:
    """(a) Agreement to 1e-4, and at least 5 times the speed for a network that costs nothing."""
    print(f"{NFE} evaluations, batch {BATCH} x {DIMS}, float32; times in ms, ratios are peer / ours")
    print("the first ratio is of medians, the second, in brackets, of best times")
    print(f"{'peer':40} {'differ by':>9} {'peer':>7} {'jit':>7} {'ratio':>13} {'sample()':>9} {'ratio':>13}")
    missed = []
    for name, case in (of_diffusers() | of_k_diffusion()).items():
        difference, (peer, jit, call) = compare(case)
        print(
            f"{name:40} {difference:9.1e} {1e3 * peer.median:7.2f} {1e3 * jit.median:7.3f} {_ratios(peer, jit):>13} "
            f"{1e3 * call.median:9.2f} {_ratios(peer, call):>13}",
            flush=True,
        )
        if difference > 1e-4 or peer.median < 5 * jit.median:
            missed.append(name)
    print(f"bar, agreement <= 1e-4 and ratio under jit >= 5: {', '.join(missed) or 'nothing'} missed")
    _noise_alone()


def _noise_alone() -> None:
    """What bounds the ratio of the stochastic samplers: both sides have to draw as many normals."""
    keys, shape = path_keys(KEY, 0, BATCH), (BATCH, DIMS)

    @jax.jit
    def ours(keys: Any) -> Any:
        return jax.lax.scan(lambda total, k: (total + path_noise(keys, k, shape), None), jnp.zeros(shape), stages)[0]

    stages = jnp.arange(NFE)
    torch_times, our_times = alternately(lambda: [torch.randn(shape) for _ in range(NFE)], lambda: ours(keys))
    print(
        f"the noise of {NFE} stages alone: torch {1e3 * torch_times.median:.2f} ({1e3 * torch_times.best:.2f}), ours "
        f"{1e3 * our_times.median:.2f} ({1e3 * our_times.best:.2f})\n"
    )


def _ratios(peer: Seconds, ours: Seconds) -> str:
    return f"{peer.median / ours.median:.1f} ({peer.best / ours.best:.1f})"


def against_the_network() -> None:
    """(b) For a real network, sampling costs its evaluations and nothing else."""
    model = data.mnist_denoiser().latent
    x, process = 80.0 * jax.random.normal(KEY, (256, 128)), diffusion.EDM()
    label = jnp.arange(256) % 10
    problem = diffusion.Sampling(model, process, shape=(128,), prediction=diffusion.Data(), condition=label)
    methods = {
        "DDIM": diffusion.DDIM(NFE),
        "DPMSolver 3": diffusion.DPMSolver(NFE),
        "DPMSolverPP 2M": diffusion.DPMSolverPP(NFE),
        "DPMSolverPP 3M": diffusion.DPMSolverPP(NFE, order=3),
        "DPMSolverPP 2M SDE": diffusion.DPMSolverPP(NFE, stochastic=1.0),
    }
    print(
        f"network of mnist_denoiser, batch 256 x 128; ratio to {NFE} chained evaluations in one program; bar: <= 1.05\n"
        "the first ratio is the median over neighbours in time, the second that of best times"
    )

    @jax.jit
    def network_alone(x: Any) -> Any:
        return jax.lax.scan(lambda x, sigma: (model(x, sigma, label), None), x, jnp.geomspace(80.0, 0.002, NFE))[0]

    for name, method in methods.items():
        run = jax.jit(lambda x, method=method: diffusion.sample(problem, method, x_T=x, key=KEY).x)
        whole, network = alternately(partial(run, x), partial(network_alone, x), repeats=41)
        print(
            f"  {name:20} {1e3 * whole.median:8.2f} ms / {1e3 * network.median:8.2f} ms = "
            f"{whole.over(network):.3f} ({whole.best / network.best:.3f})",
            flush=True,
        )
    print()


def memory() -> None:
    """(d) States in memory, for a network that needs none of its own and for one with a matrix product."""
    x = jnp.ones((256, 32, 32))
    weight = 0.1 * jax.random.normal(KEY, (32, 32))
    networks = {"elementwise": lambda x, t: 0.9 * x + 0.01 * t, "matrix product": lambda x, t: jnp.tanh(x @ weight) + t}
    process = diffusion.VPLinear()

    def states(function: Callable, *arguments: Any) -> float:
        analysis = jax.jit(function).lower(*arguments).compile().memory_analysis()
        return analysis.temp_size_in_bytes / x.nbytes

    methods = {
        "DDIM": diffusion.DDIM(NFE),
        "Heun": diffusion.Heun(NFE - 1),
        "DPMSolver 3": diffusion.DPMSolver(NFE),
        "DPMSolver 3 taylor": diffusion.DPMSolver(NFE, solver_type="taylor"),
        "DPMSolverPP 2M": diffusion.DPMSolverPP(NFE),
        "DPMSolverPP 3M": diffusion.DPMSolverPP(NFE, order=3),
        "DPMSolverPP 2M SDE": diffusion.DPMSolverPP(NFE, stochastic=1.0),
        "PLMS": diffusion.PLMS(NFE),
        "HeavyBall": diffusion.HeavyBall(NFE),
        "Nesterov": diffusion.Nesterov(NFE),
    }
    print("temporary memory in states, beyond the network's input, output and temporaries; bar: <= 4")
    print("(Nesterov: 4 must be kept while the network runs, and its velocity is formed beside them)")
    for name, method in methods.items():
        line = [f"  {name:20} registers {diffusion.plan(method, process).registers}"]
        for what, network in networks.items():
            problem = diffusion.Sampling(network, process, shape=x.shape[1:])
            whole = states(
                lambda x, problem=problem, method=method: diffusion.sample(problem, method, x_T=x, key=KEY).x, x
            )
            line.append(f"{what} {whole - states(lambda x, network=network: network(x, 0.5), x) - 2:.2f}")
        print(", ".join(line))
    print()


def plans() -> None:
    """(e) Time to compile a plan of 50 steps on the host."""
    methods = {
        "DDIM": diffusion.DDIM(50),
        "DDPM": diffusion.DDPM(50),
        "Heun with churn": diffusion.Heun(50, churn=diffusion.Churn()),
        "DPMSolver 3": diffusion.DPMSolver(50),
        "DPMSolverPP 2M": diffusion.DPMSolverPP(50),
        "DPMSolverPP 3M SDE": diffusion.DPMSolverPP(50, order=3, stochastic=1.0),
    }
    compile_plan = diffusion.AbstractPlanned.plan.__wrapped__  # not the plan that is remembered
    print("plan of 50 steps, compiled anew; bar: <= 50 ms")
    for name, method in methods.items():
        took = {
            type(p).__name__: alternately(lambda p=p, m=method: compile_plan(m, p))[0].median
            for p in (diffusion.VPLinear(), TABLE)
        }
        print(f"  {name:20} " + ", ".join(f"{process} {1e3 * each:.1f} ms" for process, each in took.items()))


def main() -> None:
    """Print every table."""
    core.enable_compilation_cache()
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("jax", "torch", "diffusers", "k-diffusion")]
    print(f"{', '.join(versions)}; {jax.devices()[0].device_kind}, torch with {torch.get_num_threads()} threads\n")
    against_peers()
    against_the_network()
    memory()
    plans()


if __name__ == "__main__":
    main()
