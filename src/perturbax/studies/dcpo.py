"""DCPO (Saeidi et al. 2025, arXiv 2502.06023): preference optimisation with a caption of its own for each image.

Problems: in "quality" two samples of one prompt are compared by a reward that knows nothing of the prompt, in "prompt"
by how well they fit the prompt's class; "exact" checks what must hold on paper. Each trial trains a base model on
noisy captions, draws 1000 pairs from it, aligns it with every method at the same steps, batches, times and noises, and
measures samples for fresh prompts from the same starts.

`class_M`, `ink_M`: shares of samples of method M whose class and amount of ink are those asked for, `adherence_M` their
sum; `quality_M`: the mean reward; `frechet_M`: the distance from real digits in pixels; `accuracy_M` and `winner_M`:
implicit accuracy, and the winners' error over the reference's, in the last tenth of the steps.
"""

import functools
import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from perturbax import core, diffusion, nn, perturb, stats

from . import captioned_digits
from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_REDRAWN = 0.7
# Class and third of the ink of the prompts in the picture.
_SHOWN = ((0, 1), (1, 0), (3, 1), (4, 0), (6, 2), (8, 2))
_EACH = 3
# The world of the bars and the picture, of those of the preset `full`.
_JUDGED = {"data": "digits", "beta": 50.0}
_CHANCE = 1 / 10 + 1 / 3


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """A base model with everything that is made of it, per problem and seed, and the exact checks."""
    worlds, baselines = preset["worlds"], preset["baselines"]
    cells = [{"problem": "quality", "baselines": baselines, **world} for world in worlds]
    cells.append({"problem": "prompt", "baselines": False, **worlds[0]})
    found = [Trial(cell, seed) for cell in cells for seed in range(preset["seeds"])]
    return [*found, Trial({"problem": "exact"}, 0)]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One base model, aligned with every method and measured, or the exact checks."""
    if trial.cell["problem"] == "exact":
        return _run_exact(key)
    return _run_aligned(trial.cell, key)


def _methods(cell: Mapping[str, Any], groups: tuple[int, ...]) -> dict[str, diffusion.AbstractAlignmentMethod]:
    beta, perturbation = cell["beta"], perturb.RedrawAttributes(_REDRAWN, groups)
    captioned, hybrid = diffusion.Captioned(), diffusion.Hybrid(perturbation)
    methods: dict[str, diffusion.AbstractAlignmentMethod] = {
        "DPO": diffusion.DiffusionDPO(beta),
        "DCPO-c": diffusion.DCPO(captioned, beta),
        "DCPO-h": diffusion.DCPO(hybrid, beta),
    }
    if cell["baselines"]:
        methods["DCPO-p"] = diffusion.DCPO(diffusion.Perturbed(perturbation), beta)
        methods["SFT"] = diffusion.SFT()
        methods["SFT, captions"] = diffusion.SFT(captioned)
        methods["MaPO"] = diffusion.MaPO()
    return methods


def _run_aligned(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    world = captioned_digits.world(cell["data"])
    base_key, prompt_key, first_key, second_key, align_key, test_key, sample_key, show_key = jax.random.split(key, 8)
    base = captioned_digits.train_base(world, base_key, steps=cell["base_steps"], width=cell["width"])
    prompts = world.draw_captions(prompt_key, cell["pairs"])
    draws = [captioned_digits.draw(base, prompts, key) for key in (first_key, second_key)]
    if cell["problem"] == "quality":
        rewards = [world.quality(x) for x in draws]
    else:
        rewards = [(world.classify(x) * prompts[:, :10]).sum(1) for x in draws]
    first_wins = (rewards[0] > rewards[1])[:, None]
    winner, loser = np.where(first_wins, *draws), np.where(first_wins, *draws[::-1])
    captions = [world.caption(x) for x in (winner, loser)]
    problem = diffusion.AlignmentProblem(
        base,
        captioned_digits.PROCESS,
        diffusion.PreferencePairs(winner, loser, prompts, *captions),
        diffusion.Data(),
        levels=captioned_digits.LEVELS,
    )
    asked, shown = world.draw_captions(test_key, cell["samples"]), _shown_prompts(world.groups)

    def measure(name: str, model: Any) -> dict[str, Any]:
        x = captioned_digits.draw(model, asked, sample_key)
        of_class, of_ink = world.adherence(x, asked)
        return {
            f"class_{name}": of_class,
            f"ink_{name}": of_ink,
            f"adherence_{name}": of_class + of_ink,
            f"quality_{name}": float(world.quality(x).mean()),
            f"frechet_{name}": stats.frechet_distance(x, world.images),
            f"images_{name}": captioned_digits.draw(model, shown, show_key),
        }

    record = {"captioner_right": float(np.mean(captions[0][:, :10].argmax(1) == world.nearest_class(winner)))}
    record |= measure("base", base)
    late = slice(-max(cell["steps"] // 10, 1), None)
    for name, method in _methods(cell, world.groups).items():
        done = diffusion.align(
            problem,
            method,
            key=align_key,
            steps=cell["steps"],
            batch_size=64,
            optimizer=optax.adam(2e-4),
            devices=jax.local_devices()[:1],
            progress=False,
        )
        record |= measure(name, done.model)
        if done.implicit_accuracy is not None:
            record[f"accuracy_{name}"] = float(done.implicit_accuracy[late].mean())
            record[f"winner_{name}"] = float(
                done.errors.winner[late].mean() / done.errors.reference_winner[late].mean()
            )
    return record


def _shown_prompts(groups: tuple[int, ...]) -> np.ndarray:
    codes = [np.concatenate([np.eye(10)[digit], np.eye(3)[ink]]) for digit, ink in _SHOWN for _ in range(_EACH)]
    # What a prompt does not say is zero.
    return np.pad(np.asarray(codes, np.float32), ((0, 0), (0, sum(groups) - 13)))


def _run_exact(key: Any) -> dict[str, Any]:
    """What the losses promise on paper, of a small network on a few real digits."""
    world = captioned_digits.world("digits")
    network_key, align_key, direction_key = jax.random.split(key, 3)
    winner, loser, captions = world.images[:32], world.images[32:64], world.captions[:32]
    base = nn.EDMPreconditioned(captioned_digits.CaptionedNetwork(64, 13, 16, network_key), 0.75)

    def align(method: Any, model: Any = base, steps: int = 20, **options: Any) -> Any:
        problem = diffusion.AlignmentProblem(
            model,
            captioned_digits.PROCESS,
            diffusion.PreferencePairs(winner, loser, captions, captions, captions),
            diffusion.Data(),
            levels=captioned_digits.LEVELS,
        )
        options = {"optimizer": optax.adam(1e-2), "batch_size": 32, "progress": False, **options}
        return diffusion.align(problem, method, key=align_key, steps=steps, winner_limit=None, **options)

    def leaves(model: Any) -> Any:
        return ravel_pytree(eqx.filter(model, eqx.is_inexact_array))[0]

    dpo = align(diffusion.DiffusionDPO(50.0))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*one caption for both images")  # which is what is tried here
        dcpo = align(diffusion.DCPO(diffusion.Captioned(), 50.0))
    with core.float64():
        model = jax.tree.map(lambda x: x.astype(jnp.float64) if eqx.is_array(x) else x, base)
        flat, restore = ravel_pytree(eqx.filter(model, eqx.is_inexact_array))
        moved = flat + 0.01 * jax.random.normal(direction_key, flat.shape)
        direction = jax.random.normal(jax.random.fold_in(direction_key, 1), flat.shape)

        def step(parameters: Any) -> tuple[float, Any]:
            start = eqx.combine(restore(parameters), model)
            done = align(diffusion.DiffusionDPO(50.0), start, 1, optimizer=optax.sgd(1.0), reference=model)
            return float(done.losses[0]), parameters - leaves(done.model)

        h = 1e-5
        slope = float(step(moved)[1] @ direction)
        finite = (step(moved + h * direction)[0] - step(moved - h * direction)[0]) / (2.0 * h)
    return {
        "log_2": abs(float(dpo.losses[0]) - math.log(2.0)),
        "equal_captions": float(jnp.abs(leaves(dpo.model) - leaves(dcpo.model)).max()),
        "gradient": abs(slope - finite) / abs(slope),
    }


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Adherence, reward and diversity of DCPO against Diffusion-DPO, and what is exact."""
    from ._verdict import median_of, select

    def gain(column: str, method: str, other: str, problem: str = "quality") -> float:
        return _over_seeds(np.subtract, select(table, problem=problem, **_JUDGED), column, method, other)

    def share(column: str, method: str, other: str) -> float:
        return _over_seeds(np.divide, select(table, problem="quality", **_JUDGED), column, method, other)

    exact = functools.partial(median_of, table, problem="exact")
    fixed = "not in the specification; fixed at the first run"
    return [
        Bar("adherence (class + ink) of DCPO-h minus Diffusion-DPO", gain("adherence", "DCPO-h", "DPO"), 0.05, ">="),
        Bar("adherence of DCPO-h minus the base model", gain("adherence", "DCPO-h", "base"), 0.05, ">="),
        Bar("adherence of DCPO-c minus DPO, as a size", abs(gain("adherence", "DCPO-c", "DPO")), 0.03, "<="),
        Bar("quality reward of DCPO-h minus the base model", gain("quality", "DCPO-h", "base"), 0.15, ">="),
        Bar("quality reward of DCPO-h minus DPO", gain("quality", "DCPO-h", "DPO"), -0.05, ">="),
        Bar("Frechet distance of DCPO-h over the base model", share("frechet", "DCPO-h", "base"), 1.6, "<="),
        Bar("Frechet distance of DCPO-h over DPO", share("frechet", "DCPO-h", "DPO"), 1.05, "<="),
        Bar(
            "where the prompt's class is preferred: class adherence of DPO minus DCPO-c",
            gain("class", "DPO", "DCPO-c", problem="prompt"),
            0.01,
            ">=",
            note=f"the limit of the claim: plain DPO wins; {fixed} (0.02 to 0.03)",
        ),
        Bar("loss at the reference minus log 2, as a size", exact("log_2"), 1e-6, "<="),
        Bar("DCPO with equal captions against DPO, largest difference", exact("equal_captions"), 0.0, "<="),
        Bar("gradient against finite differences, relative", exact("gradient"), 1e-6, "<=", note=fixed),
    ]


def _over_seeds(compare: Any, rows: "pd.DataFrame", column: str, method: str, other: str) -> float:
    """The median over the seeds of a comparison of two methods."""
    names = [f"{column}_{method}", f"{column}_{other}"]
    if rows.empty or not set(names) <= set(rows):
        return np.nan
    return float(np.median(compare(*(rows[name].to_numpy(float) for name in names))))


_COLORS = {
    "base": "#555555",
    "SFT": "#cc79a7",
    "SFT, captions": "#882255",
    "MaPO": "#999933",
    "DPO": "#0072b2",
    "DCPO-c": "#56b4e9",
    "DCPO-p": "#e69f00",
    "DCPO-h": "#d55e00",
}


def plot(table: "pd.DataFrame") -> "Figure":
    """Adherence, reward and distance of all methods with a dot per seed, and samples for six prompts."""
    from matplotlib.figure import Figure

    from ._figure import digit_strip
    from ._verdict import select

    rows = select(table, problem="quality", **_JUDGED).sort_values("seed")
    figure = Figure(figsize=(11.0, 6.0), layout="constrained")
    grid = figure.add_gridspec(2, 3, height_ratios=(1.35, 1))
    titles = {
        "adherence": "Adherence: class + ink, from chance",
        "quality": "Quality reward",
        "frechet": "Fr\u00e9chet distance from real digits",
    }
    for i, (column, title) in enumerate(titles.items()):
        axes = figure.add_subplot(grid[0, i])
        drawn = [name for name in _COLORS if f"{column}_{name}" in rows and len(rows)]
        start = _CHANCE if column == "adherence" else 0.0
        for place, name in enumerate(drawn):
            values = rows[f"{column}_{name}"].to_numpy(float)
            axes.barh(place, np.median(values) - start, left=start, color=_COLORS[name], alpha=0.75, height=0.7)
            axes.plot(values, np.full(len(values), place), "o", color="black", markersize=2.5)
        axes.set_yticks(range(len(drawn)), drawn if i == 0 else [""] * len(drawn))
        axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
        axes.invert_yaxis()
        axes.grid(True, axis="x", color="0.88", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.axvline(start, color="0.4", linewidth=0.8)
    first = rows.iloc[0] if len(rows) else {}
    strips = []
    for name in ("base", "DPO", "DCPO-h"):
        images = first.get(f"images_{name}")
        groups = [None] * len(_SHOWN) if images is None else np.split(np.asarray(images), len(_SHOWN))
        strips.append((name, list(groups)))
    thirds = ("little", "some", "much")
    size = 8 if strips[0][1][0] is None else math.isqrt(strips[0][1][0].shape[1])
    digit_strip(figure, grid[1, :], strips, [f"{digit}, {thirds[ink]} ink" for digit, ink in _SHOWN], size=size)
    return figure


_DIGITS = {"data": "digits", "base_steps": 2500, "width": 128, "steps": 400, "pairs": 1000, "samples": 4000}
_MNIST = {**_DIGITS, "data": "mnist", "base_steps": 20_000, "width": 768, "steps": 1000, "pairs": 4000}

_SMOKE = {"data": "digits", "base_steps": 20, "width": 16, "steps": 5, "pairs": 64, "samples": 80}

STUDY = Study(
    slug="dcpo",
    number=20,
    paper="2502.06023",
    title="Dual Caption Preference Optimization for Diffusion Models",
    claim=(
        "Where prompts describe the images badly and quality is preferred, fine-tuning with a caption for the winner "
        "and a perturbed one for the loser improves adherence to prompts over Diffusion-DPO, at equal cost and reward."
    ),
    verb="diffusion.align",
    methods=("DCPO",),
    precision="float32",
    presets={
        "smoke": {"worlds": [{**_SMOKE, "beta": 50.0}], "baselines": False, "seeds": 1},
        "small": {"worlds": [{**_DIGITS, "beta": 50.0}], "baselines": True, "seeds": 5},
        "full": {
            "worlds": [{**world, "beta": beta} for world in (_DIGITS, _MNIST) for beta in (50.0, 500.0, 2000.0)],
            "baselines": True,
            "seeds": 5,
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
