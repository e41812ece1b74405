"""`perturbax tour`: one quick real result from every package, ending with the site."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

app = typer.Typer()

STUDY = "dpm-solver"


@app.command()
def tour(
    out: Annotated[str, typer.Option(help="The folder for the site and the pictures.")] = "perturbax-tour",
) -> None:
    """Show one quick real result from every package, in about two minutes the first time."""
    from perturbax import core

    core.enable_compilation_cache()
    folder = Path(out).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(20, "out must be a folder, this is a file", str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    start = time.perf_counter()
    for number, (packages, doing, stop) in enumerate(STOPS, start=1):
        # What takes long inside of a stop (training, a study) shows its own bar below this line.
        console.print(Text.assemble((f"{number}/{len(STOPS)} {packages}", "bold"), f": {doing}"), soft_wrap=True)
        before = time.perf_counter()
        for line in stop(folder):
            console.print(Text(f"    {line}"), soft_wrap=True)
        console.print(Text(f"    {time.perf_counter() - before:.1f} s", style="dim"))
    console.print(f"\nAll in {time.perf_counter() - start:.0f} s. The site, to open in a browser:")
    console.print(Text(str(folder / "index.html"), style="bold"), soft_wrap=True)


def _data(folder: Path) -> list[str]:
    from perturbax import data

    card = data.digits().card
    return [f"{card.n:,} handwritten digits of {' x '.join(map(str, card.shape))} pixels from {card.source}"]


def _stats(folder: Path) -> list[str]:
    import jax

    from perturbax import data, stats

    key, sample_key, floor_key = jax.random.split(jax.random.key(0), 3)
    mixture, real = data.digits_mixture(), data.digits().flat

    def distance(x: Any, y: Any) -> float:
        return stats.sliced_wasserstein(x, y, key)

    drawn = distance(mixture.sample(sample_key, 800), real[:800])
    floor = stats.sampling_floor(distance, real, 800, floor_key)
    return [
        f"distance of its samples to real digits {drawn:.3f};"
        f" of real digits to other real digits {floor.mean:.3f} ± {floor.std:.3f}"
    ]


def _core(folder: Path) -> list[str]:
    import jax
    import jax.numpy as jnp

    from perturbax import data

    denoiser = data.digits_denoiser()
    real = jnp.asarray(data.digits().flat)
    noise = jax.random.normal(jax.random.key(0), real.shape)
    left = jnp.mean((denoiser(real + noise, 1.0, jnp.asarray(data.digits().labels)) - real) ** 2)
    return [f"of noise with variance 1 on top of a digit, {100 * (1 - left):.0f} % is removed"]


def _diffusion(folder: Path) -> list[str]:
    import jax
    import jax.numpy as jnp

    from perturbax import data, diffusion

    labels = jnp.arange(100) % 10
    problem = diffusion.Sampling(
        data.digits_denoiser(), diffusion.EDM(), shape=(64,), prediction=diffusion.Data(), condition=labels
    )

    def draw(method: Any) -> diffusion.Samples:
        return diffusion.sample(problem, method, key=jax.random.key(0), num_samples=labels.size)

    exact = draw(diffusion.DPMSolverPP(steps=200)).x
    rows, lines = [("200 evaluations", exact)], []
    for method in (diffusion.DDIM(steps=10), diffusion.DPMSolverPP(steps=10)):
        samples = draw(method)
        error = float(jnp.median(jnp.sqrt(jnp.mean((samples.x - exact) ** 2, axis=1))))
        name = type(method).__name__
        rows.append((f"{name}, {samples.stats['evaluations']}", samples.x))
        lines.append(f"{name}, {samples.stats['evaluations']} evaluations: error {error:.3f}")
    path = folder / "digits.png"
    _strip(rows, path)
    return [*lines, f"the same digits by both: {path}"]


def _strip(rows: list[tuple[str, Any]], path: Path) -> None:
    """A row of pictures for each method, of the same digits."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 0.95 * len(rows)), layout="constrained")
    for axes, (name, x) in zip(figure.subplots(len(rows), 1), rows, strict=True):
        axes.imshow(np.hstack(list(np.asarray(x[:12]).reshape(-1, 8, 8))), cmap="gray_r", vmin=-1, vmax=1)
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    figure.savefig(path, dpi=110)


def _transport(folder: Path) -> list[str]:
    import jax
    from sklearn.decomposition import PCA

    from perturbax import data, stats, transport

    digits = data.digits()
    rows = PCA(16, random_state=0).fit_transform(digits.flat)
    threes, eights = (rows[digits.labels == label] for label in (3, 8))
    solve_key, draw_key = jax.random.split(jax.random.key(0))
    problem = transport.BridgeProblem(threes[:90], eights[:90], epsilon=1.0)
    solved = transport.bridge(problem, transport.LightSB(10, steps=1000, batch_size=64), key=solve_key, progress=False)
    carried = solved.sample(draw_key, threes[90:])
    return [
        f"distance of unseen threes to unseen eights {stats.frechet_distance(threes[90:], eights[90:]):.2f},"
        f" once carried over {stats.frechet_distance(carried, eights[90:]):.2f}"
    ]


def _perturb(folder: Path) -> list[str]:
    import jax

    from perturbax import perturb

    caption, key = "a red fox asleep in the snow", jax.random.key(0)
    wrong = {"fox": ["hen", "cart"], "red": ["blue"], "asleep": ["running"], "snow": ["rain", "dark"]}
    perturbations = (perturb.WordDrop(0.4), perturb.WordSwap(0.4), perturb.Synonyms(0.7, wrong))
    return [f"{type(p).__name__}, strength {p.strength}: {p(caption, key=key)}" for p in perturbations]


def _systems(folder: Path) -> list[str]:
    import jax
    import numpy as np

    from perturbax import data, diffusion, systems

    mixture, process, key = data.digits_mixture(), diffusion.VPLinear(), jax.random.key(0)
    operator = systems.MRI(systems.column_mask(key, (8, 8), acceleration=2), systems.coil_maps(4, (8, 8)))
    truth = data.digits().flat[:32].reshape(-1, 8, 8)

    def denoise(x: Any, t: Any) -> Any:
        return mixture.denoise(x.reshape(-1, 64), process.alpha(t), process.sigma(t)).reshape(x.shape)

    prior = diffusion.Sampling(denoise, process, shape=(8, 8), prediction=diffusion.Data())
    problem = diffusion.InverseProblem(prior, operator, jax.vmap(operator)(jax.numpy.asarray(truth)))

    def error(method: Any) -> float:
        return float(np.sqrt(np.mean((np.asarray(diffusion.restore(problem, method, key=key).x) - truth) ** 2)))

    return [
        f"error of digits from half of their k-space: {error(diffusion.Tikhonov()):.3f} by least squares,"
        f" {error(diffusion.DDS()):.3f} with a diffusion model as prior"
    ]


def _linalg(folder: Path) -> list[str]:
    import numpy as np

    from perturbax import linalg

    fluid = np.ones((64, 64), bool)
    fluid[25:40, 20:45] = False
    b = np.random.default_rng(0).normal(size=fluid.shape) * fluid
    operator = linalg.Poisson(fluid, open_sides=((True, False), (False, False)))
    methods = {"CG": linalg.CG(), "with incomplete Cholesky": linalg.PCG(linalg.IncompleteCholesky())}
    counts = [
        f"{name} {int(linalg.solve(linalg.LinearSystem(operator, b), method).iterations)}"
        for name, method in methods.items()
    ]
    return [f"iterations to 1e-6: {', '.join(counts)}"]


def _rom(folder: Path) -> list[str]:
    import jax
    import numpy as np

    from perturbax import rom

    x, random = np.linspace(0.0, 1.0, 200), np.random.default_rng(0)
    params = random.uniform((0.1, -2.0), (0.9, 2.0), (240, 2))
    fields = 10.0 ** params[:, 1:] * np.exp(-(((x - params[:, :1]) / 0.05) ** 2))
    seen, new = rom.SnapshotSet(fields[:200]), rom.SnapshotSet(fields[200:])
    bases, key = rom.LocalBases(modes=4), jax.random.key(0)
    methods = {"one basis": rom.GlobalPOD(), "near solutions": rom.EuclideanKMedoids(8), "angles": rom.SineKMedoids(8)}
    errors = {name: rom.cluster(seen, m, key=key, bases=bases).errors(new).mean() for name, m in methods.items()}
    return [f"error of unseen pulses in 4 modes: {', '.join(f'{name} {e:.3f}' for name, e in errors.items())}"]


def _approximate(folder: Path) -> list[str]:
    import jax
    import jax.numpy as jnp

    from perturbax import approximate

    target = approximate.Target(jnp.exp2, 0.0, 1.0)
    method = approximate.Evolution(max_operations=4, generations=60)
    front = approximate.discover(target, method, key=jax.random.key(0), progress=False)
    program, polynomial = front.best(4), approximate.fit(target, approximate.Remez(2))
    proved = approximate.certify(program, target).bound
    return [
        f"2^x in {program.operations} operations: proved error {proved:.1e},"
        f" of the best polynomial {polynomial.error:.1e}",
        program.to_latex(4),
    ]


def _optimize(folder: Path) -> list[str]:
    import jax
    import numpy as np

    from perturbax import optimize

    shifts = np.random.default_rng(0).random(1000)
    grid = np.linspace(1.0, 1.9, 10)
    costs = np.ceil(20.0 + 400.0 * (grid - 1.8 + 0.6 * shifts[:, None]) ** 2)
    table = optimize.CostTable(costs, grid, shifts)
    methods = {
        "best fixed": optimize.BestInHindsight(grid=grid),
        "Tsallis-INF": optimize.TsallisINF(grid=grid),
        "ChebCB": optimize.ChebCB((0.0, 1.0), grid=grid),
    }
    means = [
        f"{name} {optimize.tune(table, method, key=jax.random.key(0)).costs[500:].mean():.1f}"
        for name, method in methods.items()
    ]
    return [f"mean iterations of the second 500 solves: {', '.join(means)}"]


def _nn(folder: Path) -> list[str]:
    import jax
    import numpy as np

    from perturbax import linalg
    from perturbax.nn import ssm

    N = 32
    system, C = ssm.legs(N), np.full(N, N**-0.5)
    found = linalg.diagonalize(system.A, linalg.RandomPTD(0.1), key=jax.random.key(0), stable=True)
    spikes = np.imag(ssm.s4d_legs(N).values)
    frequencies = np.concatenate([np.linspace(0.0, 1.2 * spikes.max(), 1000), spikes])
    starts = {"HiPPO": ssm.dplr(N), "S4D": ssm.s4d_legs(N), "perturbed, then diagonalised": ssm.diagonal(system, found)}
    gains = [f"{name} {ssm.hinf(start, C, frequencies):.2f}" for name, start in starts.items()]
    return [f"largest gain: {', '.join(gains)}"]


def _pde(folder: Path) -> list[str]:
    import jax

    from perturbax import pde

    problem = pde.catalogue.poisson(1, frequency=4.0)
    points = pde.FixedPoints(60, 2)
    methods = {
        "a tanh network": pde.PINN((16,), optimiser=pde.LM(30), points=points),
        "Gaussians that move": pde.PIG(20, optimiser=pde.LM(30), points=points),
    }
    errors = [
        f"{name} {pde.solution_error(pde.solve(problem, method, key=jax.random.key(0)), 500).relative_l2:.0e}"
        for name, method in methods.items()
    ]
    return [f"relative error of a wave after 30 steps: {', '.join(errors)}"]


def _chromatograph(folder: Path) -> list[str]:
    import numpy as np

    from perturbax import approximate, pde
    from perturbax.systems import column

    apparatus, plug = column.GasColumn(0.3, column.ConstantFlow(0.3)), column.Rectangle(1.0)
    sample = column.Injection(apparatus, column.Linear([400.0, 250.0], [7.0, 2.8]), plug)
    t = np.linspace(0.0, 200.0, 401)
    recorded = pde.simulate(sample, pde.LaplaceIntegral(), t)
    noisy = recorded.signal + 0.001 * np.random.default_rng(0).normal(size=t.size)
    fitted = approximate.fit(approximate.DetectorTrace(apparatus, t, noisy, plug, 2), approximate.LaplaceFit())
    rates = " and ".join(f"{k_a:.0f} and {k_d:.2f}" for k_a, k_d in fitted.values)
    return [f"rates 400 and 7.00, 250 and 2.80 are found as {rates}"]


def _dynamics(folder: Path) -> list[str]:
    from perturbax import data, dynamics

    digits = data.digits()
    centred = digits.flat[:300] - digits.flat[:300].mean(0)
    problem = dynamics.CollapseProblem(centred, digits.labels[:300], feature_decay=0.0, proximity=0.0)
    found = dynamics.flow(problem, dynamics.CentralPathFlow(end=20.0, points=11)).metrics
    before, after = (f"{found.nc1_trace[i]:.2f} ({100 * found.ncc[i]:.0f} % misplaced)" for i in (0, -1))
    return [f"variability within over between the classes: {before} at the start, {after} at the end"]


def _verify(folder: Path) -> list[str]:
    import jax
    import numpy as np

    from perturbax import nn, verify

    network = nn.MLP(2, (16, 16), 1, key=jax.random.key(0), activation=jax.nn.tanh)
    box = verify.Box(np.full(2, -0.2), np.full(2, 0.2))
    widths = []
    for name, method in (("intervals", verify.IBP()), ("CROWN", verify.CROWN())):
        found = verify.bound(network, box, method)
        widths.append(f"{float(found.upper[0] - found.lower[0]):.2f} by {name}")
    values = np.asarray(network(jax.vmap(box.sample)(jax.random.split(jax.random.key(1), 1000))))
    return [f"width of the proved bounds: {', '.join(widths)}; 1000 samples span {np.ptp(values):.2f}"]


def _interop(folder: Path) -> list[str]:
    import jax
    import numpy as np

    from perturbax import diffusion

    def model(x: Any, t: Any) -> Any:
        return 0.5 * x

    problem = diffusion.Sampling(model, diffusion.VPLinear(), shape=(16,))
    start = np.asarray(jax.random.normal(jax.random.key(0), (8, 16)))
    method = diffusion.DPMSolverPP(steps=20)
    by_numpy = diffusion.sample(problem, method, x_T=start).x
    by_jax = diffusion.sample(problem, method, x_T=jax.numpy.asarray(start)).x
    return [f"JAX and {type(by_numpy).__module__} agree to {float(np.abs(by_numpy - np.asarray(by_jax)).max()):.0e}"]


def _studies(folder: Path) -> list[str]:
    from perturbax import studies

    # In this process: the trials are so short that workers would spend more on importing JAX and compiling again.
    run = studies.run_study(STUDY, "smoke", store=folder / "tour.sqlite", backend="sequential")
    for failure in run.failures:
        raise RuntimeError(f"study {STUDY}, {failure.trial.label}: {failure.error}")
    return [
        f"{len(run.table)} trials of {STUDY}: {run.study.claim}",
        f"whether that holds is told by: perturbax study run {STUDY}",
    ]


def _report(folder: Path) -> list[str]:
    from perturbax import report

    report.build(folder)
    made = report.cards()
    bars = [bar for card in made for bar in card.bars]
    return [f"72 systems, {len(made)} measured, {sum(bar.met for bar in bars)} of {len(bars)} bars met"]


Stop = tuple[str, str, Callable[[Path], list[str]]]
STOPS: tuple[Stop, ...] = (
    ("data", "real handwritten digits", _data),
    ("stats", "a Gaussian mixture fitted to the digits", _stats),
    ("perturb", "a caption under three perturbations", _perturb),
    ("core", "a denoiser trained on the digits (kept in the cache)", _core),
    ("diffusion", "two samplers on this denoiser at equal cost", _diffusion),
    ("transport", "a Schrödinger bridge from threes to eights", _transport),
    ("systems", "digits from half of their k-space", _systems),
    ("linalg", "the pressure of a stream around a block", _linalg),
    ("optimize", "the parameter of a solver, learned from its iterations", _optimize),
    ("nn", "how strongly state-space layers answer to waves", _nn),
    ("rom", "one reduced basis, and eight local ones", _rom),
    ("approximate", "a short program for a function, evolved from nothing", _approximate),
    ("pde", "Poisson's equation by a network and by Gaussians", _pde),
    ("systems, approximate", "two peaks of a chromatograph, and the rates behind them", _chromatograph),
    ("dynamics", "the features of digits on their way to collapse", _dynamics),
    ("verify", "what a network can answer on a box of inputs, proved", _verify),
    ("interop", "the same sampler on arrays of other libraries", _interop),
    ("studies", "a published claim, in the smallest form of its study", _studies),
    ("report", "the site of everything that was measured", _report),
)
