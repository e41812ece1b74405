"""Local reduced bases by the angles between solutions (Daniel et al. 2021, arXiv 2103.13683).

Families of solutions of parametrised equations, some to cluster and some held out. Of every strategy the same numbers
of clusters and modes are asked; a solution is projected on the basis of the cluster that the strategy's own
dissimilarity gives it. Next to it the a-priori criterion: the gain that fifty simulations promise for each number of
clusters, the gain from all of them, and how much the held-out error really falls. A control without structure has to be
refused.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd

COUNTS = (2, 4, 8, 16)  # numbers of clusters that the criterion ranks
FEW = 50  # simulations that it may see
MODES = 4  # of the held-out error that it is compared with
SIZE = 300  # entries of the vectors of the control
CURVE = (1, 2, 3, 4, 6, 8, 12, 16)


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """All strategies on one family for each seed, and the control."""
    made = [
        Trial(
            {"part": "family", "family": family, "classifier": preset["classifier"], **preset["sizes"], **own}, seed=s
        )
        for family, own in preset["families"].items()
        for s in range(preset["seeds"])
    ]
    return made + [Trial({"part": "control", "train": FEW}, seed=s) for s in range(preset["seeds"])]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One family or the control."""
    if trial.cell["part"] == "control":
        return _control(trial.cell["train"], key)
    return _family(trial.cell, key)


def _control(count: int, key: Any) -> dict[str, Any]:
    """Random directions: nothing that clusters could find."""
    import jax

    from perturbax import rom

    draw_key, gain_key = jax.random.split(key)
    fields = np.asarray(jax.random.normal(draw_key, (count, SIZE)))
    found = rom.efficiency(rom.dissimilarity(rom.SnapshotSet(fields)), COUNTS, key=gain_key)
    return {"gain_few": found.gain, "gain_raw": found.gain_raw, "refused": int(found.recommended is None)}


def _family(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    import jax

    from perturbax import rom

    from ._snapshot_families import FAMILIES

    draw_key, gain_key, cluster_key = jax.random.split(key, 3)
    params, fields = FAMILIES[cell["family"]].draw(draw_key, cell["train"] + cell["test"])
    train, test = (
        rom.SnapshotSet(fields[part], params=params[part])
        for part in (slice(cell["train"]), slice(cell["train"], None))
    )
    clusters, modes = (tuple(map(int, cell[name].split(","))) for name in ("clusters", "modes"))
    record: dict[str, Any] = {}
    whole = rom.LocalBases(modes=max(clusters) * max(modes))
    one = rom.cluster(train, rom.GlobalPOD(), key=cluster_key, bases=whole)
    for k in clusters:
        for n in modes:
            record |= _errors("global", k, n, one, test, np.zeros(test.count, int), used=n)
            record |= _errors("global, as many modes in all", k, n, one, test, np.zeros(test.count, int), used=k * n)
        methods = {
            "random": rom.RandomClusters(k),
            "parameters": rom.ParameterKMeans(k),
            "means": rom.EuclideanKMeans(k),
            "Euclid": rom.EuclideanKMedoids(k),
            "PEBL": rom.PEBL(k, modes=MODES),
            "sine": rom.SineKMedoids(k),
        }
        for name, method in methods.items():
            solved = rom.cluster(train, method, key=cluster_key, bases=rom.LocalBases(modes=max(*modes, *CURVE)))
            assigned = solved.assign(test)
            for n in modes:
                record |= _errors(name, k, n, solved, test, assigned, used=n)
                record[f"width {name} {k} {n}"] = float(np.nanmax(solved.width(train, solved.labels, modes=n)))
            if k == max(clusters):
                record[f"curve {name}"] = np.array([solved.errors(test, assigned, modes=n).mean() for n in CURVE])
                record[f"labels {name}"] = solved.labels.astype(np.int32)
            if name == "sine" and cell["classifier"]:
                net = rom.rom_net(train, solved, key=cluster_key)
                record |= _errors("ROM-net", k, MODES, solved, test, net.recommend(test.params), used=MODES)
                record[f"accuracy {k}"] = net.accuracy
    record["curve global"] = np.array([one.errors(test, modes=n).mean() for n in CURVE])
    record["params"] = params[: train.count].astype(np.float32)
    return record | _criterion(train, test, one, gain_key, cluster_key)


def _errors(name: str, k: int, n: int, solved: Any, test: Any, assigned: Any, used: int) -> dict[str, float]:
    errors = solved.errors(test, assigned, modes=used)
    return {f"error {name} {k} {n}": float(errors.mean()), f"worst {name} {k} {n}": float(errors.max())}


def _criterion(train: Any, test: Any, one: Any, gain_key: Any, cluster_key: Any) -> dict[str, Any]:
    """Gains from all and from few simulations, and by how much the held-out error falls from one basis to `K`."""
    import jax

    from perturbax import rom

    counts = tuple(k for k in COUNTS if k < min(FEW, train.count))
    all_key, choice_key, few_key = jax.random.split(gain_key, 3)
    d = rom.dissimilarity(train)
    chosen = np.asarray(jax.random.choice(choice_key, train.count, (min(FEW, train.count),), replace=False))
    few = rom.efficiency(d[np.ix_(chosen, chosen)], counts, key=few_key)
    bases = rom.LocalBases(modes=MODES)
    before = one.errors(test, modes=MODES).mean()
    left = [rom.cluster(train, rom.SineKMedoids(k), key=cluster_key, bases=bases).errors(test).mean() for k in counts]
    return {
        "gain_all": rom.efficiency(d, counts, key=all_key).gain,
        "gain_few": few.gain,
        "gain_raw": few.gain_raw,
        "reduction": 1.0 - np.array(left) / before,
    }


def _stack(rows: "pd.DataFrame", column: str) -> np.ndarray:
    """A column of arrays with a row for each seed; one of NaN when there is none."""
    found = [np.asarray(value, float) for value in rows[column]] if column in rows else []
    return np.stack(found) if found else np.full((1, len(COUNTS)), np.nan)


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Held-out errors on the reaction-diffusion equation, medians over the seeds; the criterion at every seed."""
    from ._verdict import select

    rows = select(table, part="family", family="reaction-diffusion")
    control = select(table, part="control")

    def over(what: str, theirs: str, k: int, n: int) -> float:
        columns = [f"{what} {name} {k} {n}" for name in ("sine", theirs)]
        if rows.empty or not set(columns) <= set(rows):
            return np.nan
        return float((rows[columns[0]] / rows[columns[1]]).median())

    few, every, reduction = (_stack(rows, name) for name in ("gain_few", "gain_all", "reduction"))
    ordered = (few.argsort(1) == reduction.argsort(1)).all(1) & np.isfinite(few).all(1)
    refused = control["refused"].min() if "refused" in control and len(control) else np.nan
    return [
        Bar("mean error, sine over Euclid, K = 4, N = 4", over("error", "Euclid", 4, 4), 0.25, "<="),
        Bar("mean error, sine over Euclid, K = 8, N = 8", over("error", "Euclid", 8, 8), 0.03, "<="),
        Bar("mean error, sine over parameters, K = 4, N = 4", over("error", "parameters", 4, 4), 0.6, "<="),
        Bar("mean error, sine over parameters, K = 8, N = 8", over("error", "parameters", 8, 8), 0.2, "<="),
        Bar("largest error, sine over Euclid, K = 4, N = 4", over("worst", "Euclid", 4, 4), 0.4, "<="),
        Bar(
            f"gain from {FEW} simulations less that from all, largest of all K and seeds",
            np.abs(few - every).max(),
            0.08,
            "<=",
        ),
        Bar("share of seeds at which the gain ranks K as the held-out error does", ordered.mean(), 1.0, ">="),
        Bar("random vectors: largest |gain|", np.abs(_stack(control, "gain_few")).max(), 0.05, "<="),
        Bar("random vectors: refused at every seed", refused, 1.0, ">="),
    ]


_COLORS = {
    "global": "#999999",
    "random": "#cccccc",
    "parameters": "#0072b2",
    "means": "#cc79a7",
    "Euclid": "#e69f00",
    "PEBL": "#009e73",
    "sine": "#d55e00",
}
_LABELS = {
    "global": "one basis",
    "random": "random clusters",
    "means": "k-means on fields",
    "Euclid": "k-medoids, Euclidean",
    "parameters": "k-means on parameters",
    "sine": "k-medoids, sine",
}


def plot(table: "pd.DataFrame") -> Any:
    """Errors against modes, what the criterion said, and the clusters in the plane of the parameters."""
    from matplotlib.figure import Figure

    from ._verdict import select

    families = table["family"].dropna() if "family" in table else []
    family = "reaction-diffusion" if "reaction-diffusion" in set(families) else next(iter(families), None)
    rows = select(table, part="family", family=family)
    figure = Figure(figsize=(13, 3.9), layout="constrained")
    error, gain, *planes = figure.subplots(1, 4, width_ratios=(1.35, 1.0, 1.0, 1.0))
    _draw_errors(error, rows)
    _draw_gains(gain, rows, select(table, part="control"))
    for axes, name in zip(planes, ("Euclid", "sine"), strict=True):
        if len(rows):
            first = rows.iloc[0]
            x, y = np.asarray(first["params"]).T[:2]
            labels = np.asarray(first[f"labels {name}"])
            axes.scatter(
                y, x / np.log(10.0), c=_ranked(labels, y), cmap="tab10", vmin=-0.5, vmax=9.5, s=9, linewidths=0
            )
        axes.set(xlabel="place of the source", ylabel="power, decimal logarithm" if name == "Euclid" else None)
        axes.set_title(f"Clusters: {_LABELS[name]}", loc="left", fontsize=10, fontweight="bold")
    for axes in (error, gain, *planes):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _draw_errors(axes: Any, rows: "pd.DataFrame") -> None:
    for name, color in _COLORS.items():
        if f"curve {name}" in rows and rows[f"curve {name}"].notna().any():
            curves = np.stack([np.asarray(curve) for curve in rows[f"curve {name}"].dropna()])
            label = _LABELS.get(name, name)
            axes.semilogy(CURVE, np.median(curves, 0), "o-", color=color, markersize=4, linewidth=1.7, label=label)
            axes.fill_between(CURVE, curves.min(0), curves.max(0), color=color, alpha=0.12, linewidth=0)
    axes.set_xticks((1, 4, 8, 12, 16))
    axes.set(xlabel="modes of a basis", ylabel="mean relative error of unseen solutions")
    axes.set_title("8 clusters", loc="left", fontsize=10, fontweight="bold")
    axes.grid(True, which="major", color="0.9", linewidth=0.8)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)


def _draw_gains(axes: Any, rows: "pd.DataFrame", control: "pd.DataFrame") -> None:
    drawn = (
        (rows, "gain_few", f"gain from {FEW}", "#d55e00", "o"),
        (rows, "gain_all", "gain from all", "#0072b2", "s"),
        (rows, "reduction", "true fall of the error", "#666666", "^"),
        (control, "gain_few", "random vectors", "#cccccc", "o"),
    )
    for table, column, label, color, marker in drawn:
        if len(table) and column in table:
            found = _stack(table, column)
            counts = COUNTS[: found.shape[1]]
            axes.plot(counts, np.median(found, 0), f"{marker}-", color=color, markersize=4, linewidth=1.7, label=label)
            axes.fill_between(counts, found.min(0), found.max(0), color=color, alpha=0.15, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_xticks(COUNTS, [str(k) for k in COUNTS])
    axes.set(xlabel="clusters", ylim=(-0.1, 1.05))
    axes.axhline(0.2, color="0.6", linewidth=0.8, linestyle=":")
    axes.set_title("Told before, and true", loc="left", fontsize=10, fontweight="bold")
    axes.grid(True, which="major", color="0.9", linewidth=0.8)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8, loc="center right", bbox_to_anchor=(1.0, 0.31))


def _ranked(labels: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Labels in the order of the mean of a value, so that neighbours and colours go together."""
    order = np.argsort([value[labels == k].mean() if (labels == k).any() else np.inf for k in range(labels.max() + 1)])
    return np.argsort(order)[labels]


_SMALL = {
    "families": {"reaction-diffusion": {}, "advection": {}},
    "sizes": {"train": 400, "test": 200, "clusters": "4,8", "modes": "2,4,8"},
    "seeds": 5,
    "classifier": False,
}

STUDY = Study(
    slug="local-rom-clusters",
    number=56,
    paper="2103.13683",
    title="Physics-informed cluster analysis and a priori efficiency criterion for the construction of local "
    "reduced-order bases",
    claim=(
        "With as many clusters and modes, bases of solutions that point in similar directions leave a much smaller "
        "error than bases of similar parameters or near solutions, and fifty simulations tell beforehand how many "
        "clusters are worth it."
    ),
    verb="rom.cluster",
    methods=(
        "SineKMedoids",
        "GlobalPOD",
        "RandomClusters",
        "ParameterKMeans",
        "EuclideanKMeans",
        "EuclideanKMedoids",
        "PEBL",
    ),
    presets={
        "smoke": {
            **_SMALL,
            "families": {"reaction-diffusion": {}},
            "sizes": {"train": 30, "test": 10, "clusters": "2", "modes": "2"},
            "seeds": 1,
        },
        "small": _SMALL,
        "full": {
            "families": {
                "reaction-diffusion": {},
                "advection": {},
                "burgers": {},
                # A trajectory has 144 000 values.
                "laser": {"train": 400, "test": 100},
            },
            "sizes": {"train": 2000, "test": 500, "clusters": "2,4,8,16,32", "modes": "2,4,8,16"},
            "seeds": 5,
            "classifier": True,
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
    precision="float64",
)
