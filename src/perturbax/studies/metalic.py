"""METALIC (Li et al. 2023, arXiv 2210.12669): bandits that choose the interface conditions of multi-domain networks.

"table": the Poisson family `u = e(x) e(y)` by its sharpness, cut at x = 0.5, networks 2-12-12-1, Levenberg-Marquardt;
for each of ten sharpnesses all 32 subsets of five conditions (u, flux, residual, residual continuity, u_yy) are trained
together from the same networks and points, and a single network of as many parameters beside them. "bandit": rules
play on the table of seven of the sharpnesses, by 20 seeds each; the other three are held out. "sequential": a game of
two stages of six bits each, where the best second action depends on the reward of the first one:
R = -|a_1 - a_1*(s)|/6 - |a_2 - a_2*(e_1)|/6. "kernel": eigenvalues of the kernel of random actions.

The reward is -log10 of the relative L2 error. The preset `full` has all nine conditions, four families, and Adam with
L-BFGS.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from perturbax import core, optimize, pde

from ._code import code_digest
from ._interface_figure import plot, rewards_of
from ._study import Bar, Study, Trial
from ._verdict import select

if TYPE_CHECKING:
    import pandas as pd

_CONDITIONS = (
    pde.Continuity(),
    pde.FluxContinuity(),
    pde.ResidualBothSides(),
    pde.ResidualContinuity(),
    pde.TangentialContinuity(),
)
_FAMILIES = {
    "poisson": pde.catalogue.poisson_family,
    "burgers": pde.catalogue.burgers_family,
    "advection": pde.catalogue.advection_family,
    "reaction": pde.catalogue.reaction_family,
}
_RULES = {
    "UCB": lambda arms: optimize.GPBandit(optimize.UpperConfidence()),
    "Thompson": lambda arms: optimize.GPBandit(optimize.Thompson()),
    "optimistic": lambda arms: optimize.GPBandit(optimize.Optimistic()),
    "greedy": lambda arms: optimize.GPBandit(optimize.Greedy()),
    "linear": lambda arms: optimize.EpsilonGreedy(),
    "random": lambda arms: optimize.RandomArm(),
    "all conditions": lambda arms: optimize.FixedArm(np.ones(arms.shape[1])),
    "best fixed arm": lambda arms: optimize.BestFixedArm(),
    "oracle": lambda arms: optimize.BestArm(),
}
_LEARNED = ("UCB", "Thompson")


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """The rows of the tables first, which the bandits look up; then a trial for each rule, and the rest."""
    size = preset["size"]
    found = []
    for family in preset["families"]:
        found += [Trial({"part": "table", "family": family, "row": k, **size}, 0) for k in range(size["contexts"])]
    for family in preset["families"]:
        found += [Trial({"part": "bandit", "family": family, "rule": rule, **size}, 0) for rule in _RULES]
    sequential = {"part": "sequential", "plays": preset["sequential"], "seeds": preset["sequential seeds"]}
    found += [Trial({**sequential, "rule": rule}, 0) for rule in ("METALIC", "random")]
    return [*found, Trial({"part": "kernel", "actions": 200}, 0)]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """A row of a table, or a rule on it."""
    parts = {"table": _run_table, "bandit": _run_bandit, "sequential": _run_sequential, "kernel": _run_kernel}
    return parts[trial.cell["part"]](trial.cell, key)


def _run_table(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    return {"context": _contexts(cell)[cell["row"], 0], **_row(cell, cell["row"], key)}


def _contexts(cell: Mapping[str, Any]) -> np.ndarray:
    """The middles of equal parts of the family's range."""
    family = _FAMILIES[cell["family"]]()
    low, high = float(family.lower[0]), float(family.upper[0])
    return low + (high - low) * (np.arange(cell["contexts"])[:, None] + 0.5) / cell["contexts"]


def _held_out(cell: Mapping[str, Any]) -> np.ndarray:
    """Every third row from the third one on."""
    return np.arange(cell["contexts"]) % 3 == 2


def _arms(cell: Mapping[str, Any]) -> np.ndarray:
    return optimize.all_subsets(cell["bits"])


def _row(cell: Mapping[str, Any], row: int, key: Any) -> dict[str, Any]:
    """The errors of all arms in a context, and of a single network, by whichever trial asks first."""
    settings = {name: cell[name] for name in ("family", "bits", "width", "lm", "adam", "lbfgs", "interior", "boundary")}
    family, context = _FAMILIES[cell["family"]](), _contexts(cell)[row]
    conditions = _CONDITIONS[: cell["bits"]] if cell["bits"] <= len(_CONDITIONS) else pde.ALL_CONDITIONS
    points = pde.FixedPoints(cell["interior"], cell["boundary"])
    optimiser: Any = pde.LM(cell["lm"]) if cell["lm"] else pde.Chain([pde.Adam(cell["adam"]), pde.LBFGS(cell["lbfgs"])])
    hidden = (cell["width"], cell["width"])
    method = pde.XPINN(family.partition, conditions, hidden, optimiser, points, interface_points=20)
    key = jax.random.fold_in(key, row)

    def build() -> dict[str, Any]:
        problem = family.problem(context)
        errors = [
            pde.interface_errors(problem, method, arms, key=key)
            for arms in np.array_split(_arms(cell), max(1, 2 ** cell["bits"] // 64))
        ]
        # As many parameters as two networks have: the width grows by 2^(1/2).
        wide = round(cell["width"] * 2**0.5)
        single = pde.PINN((wide, wide), optimiser, points)
        solution = pde.solve(problem, single, key=key, progress=False, throw=False)
        return {"errors": np.concatenate(errors), "single": float(solution.history["error"][-1])}

    # Of all that the study needs, so that no table outlives the code that it was computed by.
    code = code_digest(Path(__file__), __name__, str(Path(__file__).parents[2]), trials_only=True)
    inputs = {**settings, "context": context.tolist(), "key": np.asarray(jax.random.key_data(key)), "code": code}
    return core.cached("metalic-rewards", inputs, build)


def _run_bandit(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    arms, contexts, held_out = _arms(cell), _contexts(cell), _held_out(cell)
    rewards = np.stack([rewards_of(_row(cell, k, key)["errors"]) for k in range(len(contexts))])
    world = optimize.TableEnvironment(contexts[~held_out], arms, rewards[~held_out])
    method = _RULES[cell["rule"]](arms)
    played, best, tested = [], [], []
    for seed in range(cell["seeds"]):
        plays = optimize.bandit(world, method, plays=cell["plays"], key=jax.random.fold_in(key, seed))
        played.append(plays.rewards[:, 0])
        rows = np.argmin(np.abs(plays.contexts - contexts[:, 0]), -1)
        best.append(rewards.max(-1)[rows])
        if cell["rule"] != "oracle":
            chosen = (plays(contexts[held_out])[:, None] == arms).all(-1).argmax(-1)
            tested.append(rewards[held_out, chosen].mean())
    tested = tested or [rewards[held_out].max(-1).mean()]
    return {"reward": np.stack(played), "best": np.stack(best), "held out": float(np.mean(tested))}


class _TwoStages(optimize.AbstractEnvironment):
    """`e_1` is the share of wrong bits of the first action; it says what the second action should be."""

    contexts: Any
    arms: tuple[Any, Any]

    traceable: ClassVar[bool] = True

    def __init__(self):
        self.contexts = np.linspace(0.0, 1.0, 8)[:, None]
        self.arms = (optimize.all_subsets(6), optimize.all_subsets(6))

    def play(self, stage: int, context: Any, action: Any, carry: Any, key: Any) -> tuple[Any, Any]:
        thresholds = (jnp.arange(6) + 0.5) / 6.0
        level = context[0] if stage == 0 else carry
        missed = jnp.sum(jnp.abs(action - (thresholds < level))) / 6.0
        return -missed, missed


def _run_sequential(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    method = optimize.SequentialGPBandit() if cell["rule"] == "METALIC" else optimize.RandomArm()
    played = [
        optimize.bandit(_TwoStages(), method, plays=cell["plays"], key=jax.random.fold_in(key, seed)).rewards.sum(-1)
        for seed in range(cell["seeds"])
    ]
    return {"reward": np.stack(played)}


def _run_kernel(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    actions = jax.random.bernoulli(key, 0.5, (cell["actions"], 9)).astype(float)
    zeros, smallest = jnp.zeros((cell["actions"], 1)), []
    for log_agreement in (-2.0, 0.0, 1.0):
        K = optimize.HybridGP().kernel(jnp.array([0.0, log_agreement, 0.0]), zeros, actions, zeros, actions)
        smallest.append(float(jnp.linalg.eigvalsh(K)[0]))
    return {"smallest": min(smallest)}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of the specification, on the Poisson family; none of the bandit's had been measured before."""
    rows = {str(row["rule"]): row for _, row in select(table, part="bandit", family="poisson").iterrows()}
    last = {name: float(np.mean(row["reward"][:, -20:])) for name, row in rows.items()}
    bars = []
    for name in _LEARNED:
        mean, note = last.get(name, np.nan), "mean -log10 error over the last 20 plays"
        bars += [
            Bar(f"{name} over random", mean - last.get("random", np.nan), 0.5, ">=", note=note),
            Bar(f"oracle over {name}", last.get("oracle", np.nan) - mean, 0.3, "<=", note=note),
            Bar(f"exponent of the regret of {name}", _exponent(rows.get(name)), 0.8, "<="),
            Bar(
                f"{name} over the best fixed arm",
                mean - last.get("best fixed arm", np.nan),
                0.0,
                ">=",
                note="what learning with contexts must gain to be worth its cost",
            ),
            Bar(f"{name} over all conditions, held out", _held(rows, name) - _held(rows, "all conditions"), 0.0, ">="),
        ]
    bars.append(Bar("exponent of the regret of random", _exponent(rows.get("random")), 0.95, "in", upper=1.05))
    kernel = select(table, part="kernel")
    smallest = float(kernel["smallest"].min()) if len(kernel) else np.nan
    bars.append(Bar("smallest eigenvalue of the kernel of actions", smallest, -1e-10, ">="))
    bars.append(Bar("sequential: regret of a play from the 80th to the 120th", _sequential(table), 0.1, "<="))
    return bars


def _held(rows: Mapping[str, Any], name: str) -> float:
    return float(rows[name]["held out"]) if name in rows else np.nan


def _exponent(row: Any) -> float:
    """The slope of the logarithm of the mean cumulated regret against that of the play, from the tenth on."""
    if row is None:
        return np.nan
    regret = np.cumsum(np.mean(row["best"] - row["reward"], 0))
    play = np.arange(1, len(regret) + 1)
    if len(regret) <= 10 or regret[9] <= 0.0:
        return np.nan
    return float(np.polyfit(np.log(play[9:]), np.log(regret[9:]), 1)[0])


def _sequential(table: "pd.DataFrame") -> float:
    found = select(table, part="sequential", rule="METALIC")
    rewards = [row["reward"] for _, row in found.iterrows()]
    return -float(np.mean(rewards[0][:, 79:120])) if rewards and rewards[0].shape[1] >= 80 else np.nan


_SIZE = {
    "contexts": 10,
    "bits": 5,
    "width": 12,
    "lm": 40,
    "adam": 0,
    "lbfgs": 0,
    "interior": 160,
    "boundary": 80,
    "plays": 60,
    "seeds": 20,
}

STUDY = Study(
    slug="metalic",
    number=69,
    paper="2210.12669",
    title="Meta Learning of Interface Conditions for Multi-Domain Physics-Informed Neural Networks",
    claim=(
        "A contextual bandit with a Gaussian process over equation parameters and subsets of interface conditions "
        "learns which conditions give multi-domain physics-informed networks the smallest errors."
    ),
    verb="pde.tune_interface",
    methods=("METALIC", "SequentialMETALIC", "XPINN"),
    presets={
        "smoke": {
            "families": ["poisson"],
            "size": {
                **_SIZE,
                "contexts": 3,
                "bits": 2,
                "width": 4,
                "lm": 2,
                "interior": 20,
                "boundary": 8,
                "plays": 8,
                "seeds": 1,
            },
            "sequential": 4,
            "sequential seeds": 1,
        },
        "small": {"families": ["poisson"], "size": _SIZE, "sequential": 120, "sequential seeds": 5},
        "full": {
            "families": list(_FAMILIES),
            "size": {
                **_SIZE,
                "contexts": 30,
                "bits": 9,
                "width": 20,
                "lm": 0,
                "adam": 1000,
                "lbfgs": 10_000,
                "interior": 2000,
                "boundary": 200,
                "plays": 200,
            },
            "sequential": 120,
            "sequential seeds": 20,
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
    precision="float64",
)
