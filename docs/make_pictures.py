"""The pictures and the table of docs/diffusion.md: `python docs/make_pictures.py` writes docs/assets/diffusion-*.png.

Everything is measured on the mixture of ten Gaussians that is fitted on the real 8 x 8 digits, whose denoiser is exact:
what is seen is the error of the samplers and nothing else. The settings are those of the studies: from t = 1 to 1e-3,
grids that end there, no lowered orders, errors as the median over samples of the root mean square per sample.
"""

import functools
import io
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from perturbax import core, data, diffusion, stats
from perturbax.cli._pictures import strip

ASSETS = Path(__file__).parent / "assets"
PROCESS = diffusion.VPLinear()
CLASSES = (1, 3, 8)
EACH = 64
MIXTURE = data.digits_mixture()


def along(grid=diffusion.LogSNR):
    return grid(final="eps")


def multistep(third="official"):
    return diffusion.Multistep(third=third, lower_order_final=False)


SAMPLERS = {
    "DDIM": diffusion.DDIM,
    "DPM-Solver-2": functools.partial(diffusion.DPMSolver, order=2, stepping=diffusion.FixedSinglestep()),
    "DPM-Solver-3": functools.partial(diffusion.DPMSolver, order=3, stepping=diffusion.FixedSinglestep()),
    "DPM-Solver-fast": functools.partial(diffusion.DPMSolver, order=3),
    "2S++": functools.partial(diffusion.DPMSolverPP, order=2, stepping=diffusion.FixedSinglestep()),
    "2M++": functools.partial(diffusion.DPMSolverPP, order=2, stepping=multistep()),
    "3M++": functools.partial(diffusion.DPMSolverPP, order=3, stepping=multistep()),
    "3M++ exact": functools.partial(diffusion.DPMSolverPP, order=3, stepping=multistep("exact")),
}


def problem(labels=None, scale=1.0, corrector=None, start=None) -> diffusion.Sampling:
    return diffusion.Sampling(
        lambda x, t, c=None: MIXTURE.denoise(x, PROCESS.alpha(t), PROCESS.sigma(t), c),
        PROCESS,
        shape=(64,),
        prediction=diffusion.Data(),
        condition=None if labels is None else jnp.asarray(labels),
        guidance=None if labels is None else diffusion.ClassifierFree(scale, unconditional=-1),
        corrector=corrector,
        start=start,
    )


@functools.cache
def starts(count: int):
    return jax.random.normal(jax.random.key(0), (count, 64))


def fine(asked: diffusion.Sampling, x_T):
    method = diffusion.DPMSolverPP(
        steps=900, order=3, stepping=diffusion.FixedSinglestep(), solver_type="taylor", grid=along()
    )
    return np.asarray(diffusion.sample(asked, method, x_T=x_T).x)


def error(x, exact) -> float:
    return float(np.median(np.sqrt(np.mean((np.asarray(x) - exact) ** 2, axis=1))))


def errors_by_nfe(asked, x_T, names, budgets):
    """Samples and errors of samplers, by name and number of evaluations."""
    exact = fine(asked, x_T)
    table = {}
    for name in names:
        for nfe in budgets:
            x = np.asarray(diffusion.sample(asked, SAMPLERS[name](steps=nfe, grid=along()), x_T=x_T).x)
            table[name, nfe] = x, error(x, exact)
    return exact, table


def samplers() -> None:
    """Which sampler: a strip and the table, for the whole mixture and for classes under guidance 8."""
    labels = np.repeat(CLASSES, EACH)
    rows = {name: [name] for name in SAMPLERS}
    whole, guided = problem(), problem(labels, 8.0)
    for asked, budgets, file in ((whole, (6, 10, 15, 20, 40), "samplers"), (guided, (10, 15, 20), "guidance")):
        x_T = starts(len(labels))
        exact, table = errors_by_nfe(asked, x_T, SAMPLERS, budgets)
        for name in SAMPLERS:
            for nfe in budgets:
                value, base = table[name, nfe][1], table["DDIM", nfe][1]
                rows[name].append(f"{value:.3g}" if name == "DDIM" else f"{float(f'{value / base:.2g}'):g}x")
        shown = np.arange(len(labels)).reshape(3, EACH)[:, :3].T.ravel()[:8]
        names = ("DDIM", "DPM-Solver-2" if asked is whole else "DPM-Solver-3", "2S++", "2M++", "3M++")
        at = budgets[:4]
        cells = [[*(table[name, nfe][0][shown] for nfe in at), exact[shown]] for name in names]
        captions = [[*(f"error {table[name, nfe][1]:.2g}" for nfe in at), ""] for name in names]
        heads = [*(f"{nfe} evaluations" for nfe in at), "exact"]
        save(f"diffusion-{file}.png", strip(names, heads, cells, captions))
    print("| sampler | 6 | 10 | 15 | 20 | 40 | 10, guided | 15, guided | 20, guided |\n| --- |" + " ---: |" * 8)
    print("\n".join(f"| {' | '.join(row)} |" for row in rows.values()))


def thresholds() -> None:
    """Which corrector: guided samples leave the range of the data."""
    labels = np.tile(CLASSES, 4)[:8]
    x_T = starts(8)
    columns = {
        "scale 1": problem(labels, 1.0),
        "scale 4": problem(labels, 4.0),
        "scale 8": problem(labels, 8.0),
        "scale 8, Clip": problem(labels, 8.0, diffusion.Clip()),
        "scale 8, DynamicThreshold": problem(labels, 8.0, diffusion.DynamicThreshold()),
    }
    method = diffusion.DPMSolverPP(steps=20)
    cells = [np.asarray(diffusion.sample(asked, method, x_T=x_T).x) for asked in columns.values()]
    captions = [f"{np.mean(np.abs(x) > 1) * 100:.0f} % outside" for x in cells]
    save("diffusion-threshold.png", strip([""], list(columns), [cells], [captions]))


def grids() -> None:
    """Which grid: error against evaluations."""
    asked, x_T = problem(), starts(len(CLASSES) * EACH)
    exact = fine(asked, x_T)
    kinds = {
        "LogSNR": diffusion.LogSNR,
        "Karras": diffusion.Karras,
        "TimePower(2)": diffusion.TimePower,
        "TimeUniform": diffusion.TimeUniform,
    }
    budgets = (6, 10, 15, 20, 40)
    figure = Figure(figsize=(7.6, 3.0), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, name in zip(axes, ("DDIM", "2M++"), strict=True):
        for (label, grid), colour in zip(kinds.items(), ("#3f51b5", "#1b9e77", "#d95f02", "#777777"), strict=True):
            values = [
                error(diffusion.sample(asked, SAMPLERS[name](steps=nfe, grid=along(grid)), x_T=x_T).x, exact)
                for nfe in budgets
            ]
            axis.loglog(budgets, values, "o-", color=colour, label=label, markersize=4)
        axis.set(title=name, xlabel="network evaluations")
        axis.set_xticks(budgets, [str(nfe) for nfe in budgets], minor=False)
        axis.minorticks_off()
    axes[0].set_ylabel("median error")
    axes[1].legend(frameon=False, fontsize=8)
    save_figure("diffusion-grids.png", figure)


def orders() -> None:
    """How fast the error falls: measured orders on a Gaussian with a closed flow map."""
    with core.float64():
        rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))
        variances, mean = np.geomspace(0.01, 1.0, 6), np.linspace(-1.0, 1.0, 6)
        gaussian = stats.GaussianMixture([1.0], mean[None], ((rotation * variances) @ rotation.T)[None])
        asked = diffusion.Sampling(
            lambda x, t: gaussian.denoise(x, PROCESS.alpha(t), PROCESS.sigma(t)),
            PROCESS,
            shape=(6,),
            prediction=diffusion.Data(),
        )
        x_T = jnp.asarray(np.random.default_rng(1).standard_normal((64, 6)))
        (alpha_T, sigma_T), (alpha, sigma) = ((PROCESS.alpha(t), PROCESS.sigma(t)) for t in (1.0, 1e-3))
        stretch = np.sqrt((alpha**2 * variances + sigma**2) / (alpha_T**2 * variances + sigma_T**2))
        exact = alpha * mean + (np.asarray(x_T) - alpha_T * mean) @ (rotation * stretch) @ rotation.T
        lines = {
            "DDIM": "DDIM",
            "2M++": "2M++",
            "3M++": "3M++, official",
            "3M++ exact": "3M++, exact",
            "DPM-Solver-fast": "DPM-Solver-fast",
            "DPM-Solver-3": "DPM-Solver-3",
        }
        budgets = (12, 24, 48, 96, 192, 384, 768)
        figure = Figure(figsize=(5.6, 3.6), layout="constrained")
        axis = figure.subplots()
        for name, label in lines.items():
            values = [
                error(diffusion.sample(asked, SAMPLERS[name](steps=nfe, grid=along()), x_T=x_T).x, exact)
                for nfe in budgets
            ]
            slope = -np.polyfit(np.log(budgets[3:]), np.log(values[3:]), 1)[0]
            print(f"order of {name}: {slope:.2f}")
            axis.loglog(budgets, values, "o-", markersize=4, label=f"{label} ({slope:.1f})")
        axis.set(xlabel="network evaluations", ylabel="median error")
        axis.set_xticks(budgets, [str(nfe) for nfe in budgets])
        axis.minorticks_off()
        axis.legend(frameon=False, fontsize=8)
        save_figure("diffusion-orders.png", figure)


def image_to_image() -> None:
    """Where to start: pictures under noise up to a time, and then denoised."""
    digits = data.digits()
    pictures = digits.flat[[0, 1, 2, 3, 5, 6, 7, 9]]
    noise = np.asarray(starts(8))
    cells = [pictures]
    times = (0.05, 0.2, 0.4, 0.7)
    for time in times:
        x_T = PROCESS.alpha(time) * pictures + PROCESS.sigma(time) * noise
        x_T = jnp.asarray(x_T.astype(np.float32))
        cells.append(np.asarray(diffusion.sample(problem(start=time), diffusion.DPMSolverPP(steps=15), x_T=x_T).x))
    far = ["", *(f"{np.sqrt(np.mean((x - pictures) ** 2)):.2f} away" for x in cells[1:])]
    save(
        "diffusion-image-to-image.png",
        strip([""], ["pictures", *(f"start={time}" for time in times)], [cells], [far]),
    )


def previews() -> None:
    """What a callback sees: states and data predictions along the way."""
    labels = np.array([0, 3, 6, 8])
    samples = diffusion.sample(problem(labels), diffusion.DPMSolverPP(steps=8), x_T=starts(4), trajectory=True)
    shown = (0, 2, 4, 5, 7)
    cells = [[np.asarray(path[k]) for k in shown] for path in (samples.states, samples.previews)]
    heads = [f"stage {k}" for k in shown]
    captions = [[f"t = {samples.times[k]:.2g}" for k in shown], [""] * len(shown)]
    save("diffusion-previews.png", strip(["state", "data\nprediction"], heads, cells, captions))


def save(name: str, content: bytes) -> None:
    """Write a picture with a palette of 64 colours, a third of the size."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").quantize(64).save(buffer, format="PNG", optimize=True)
    core.write_atomic(ASSETS / name, buffer.getvalue())
    print(f"{name}: {len(buffer.getvalue()) / 1e3:.0f} kB")


def save_figure(name: str, figure: Figure) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    save(name, buffer.getvalue())


if __name__ == "__main__":
    core.enable_compilation_cache()
    for make in (samplers, thresholds, grids, orders, image_to_image, previews):
        make()
