"""What `perturbax rom cluster` chooses from, measures and shows."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from perturbax import rom
from perturbax.core import write_atomic

from ._console import print_table
from ._options import choose


def method_of(word: str, angle_modes: int) -> Callable[[int], rom.AbstractClusterMethod]:
    """A strategy by its word, as a function of the number of clusters."""
    makers: dict[str, Callable[[int], rom.AbstractClusterMethod]] = {
        "sine": lambda k: rom.SineKMedoids(k, rom.Chordal(angle_modes)),
        "euclid": rom.EuclideanKMedoids,
        "means": rom.EuclideanKMeans,
        "pebl": lambda k: rom.PEBL(k, modes=angle_modes),
        "parameters": rom.ParameterKMeans,
        "random": rom.RandomClusters,
    }
    return makers[choose("--method", word, makers)]


class HeldOut(NamedTuple):
    """Mean and largest errors of held-out solutions for each number of modes, by local bases and by one."""

    modes: tuple[int, ...]
    local: np.ndarray
    one: np.ndarray

    def summary(self) -> dict[str, Any] | None:
        """With all modes; `None` when nothing was held out."""
        if not self.modes:
            return None
        names = {"local": self.local, "one basis": self.one}
        return {name: {"mean": float(e[-1, 0]), "largest": float(e[-1, 1])} for name, e in names.items()}


def parse_counts(option: str, text: str) -> tuple[int, ...]:
    """`5` or `2:16`."""
    first, colon, last = text.partition(":")
    try:
        low, high = int(first), int(last) if colon else int(first)
    except ValueError:
        low, high = 0, 0
    if not 1 <= low <= high:
        raise ValueError(f"{option} must be a number >= 1 or a range such as 2:16, got {text!r}")
    return tuple(range(low, high + 1))


def held_out_errors(
    problem: rom.SnapshotSet,
    method: rom.AbstractClusterMethod,
    bases: rom.LocalBases,
    share: float,
    split_key: Any,
    key: Any,
) -> HeldOut:
    """Errors of a random share of the solutions by bases that have not seen them."""
    count = round(share * problem.count)
    if problem.count - count < method.clusters:
        raise ValueError(f"--holdout leaves {problem.count - count} solutions for {method.clusters} clusters")
    if count == 0:
        return HeldOut((), np.zeros((0, 2)), np.zeros((0, 2)))
    order = np.asarray(jax.random.permutation(split_key, problem.count))
    new, seen = problem.select(order[:count]), problem.select(order[count:])
    numbers = tuple(sorted({min(2**i, bases.modes) for i in range(bases.modes.bit_length() + 1)}))
    found = []
    for each in (method, rom.GlobalPOD()):
        solved = rom.cluster(seen, each, key=key, bases=bases)
        labels = solved.assign(new)
        errors = [solved.errors(new, labels, modes=n) for n in numbers]
        found.append(np.array([[e.mean(), e.max()] for e in errors]))
    return HeldOut(numbers, *found)


def tell(judged: rom.Efficiency, errors: HeldOut, facts: Mapping[str, Any]) -> None:
    """The tables and the answer in a line."""
    rows = [
        (str(row["clusters"]), f"{row['gain_classified']:.3f}", f"{row['gain_raw']:.3f}", str(row["smallest"]))
        for row in facts["efficiency"]
    ]
    columns = {"clusters": "right", "gain": "right", "with medoids": "right", "smallest cluster": "right"}
    print_table(f"Gain of local bases over one, from {facts['solutions']} solutions", columns, rows)
    if errors.modes:
        print_table(
            f"Relative error of solutions held out, {facts['method']} with {facts['clusters']} clusters",
            {"modes": "right", "local": "right", "largest": "right", "one basis": "right", "its largest": "right"},
            [
                (str(n), *(f"{value:.3g}" for value in (*local, *one)))
                for n, local, one in zip(errors.modes, errors.local, errors.one, strict=True)
            ],
        )
    if facts["recommended"] is None:
        print("local bases are not worth it: the solutions have no clusters of directions")
    else:
        print(f"local bases are worth it, with {facts['recommended']} clusters")


def draw(path: Path, judged: rom.Efficiency, errors: HeldOut) -> None:
    """Gains against clusters, errors against modes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(judged.counts, judged.gain_classified, "o-", color="#d55e00", label="gain")
    left.plot(judged.counts, judged.gain_raw, "o-", color="#bbbbbb", label="with medoids")
    left.set(xlabel="clusters", ylim=(min(-0.05, float(judged.gain_classified.min())), 1.05))
    left.legend(frameon=False)
    for name, found, color in (("local bases", errors.local, "#d55e00"), ("one basis", errors.one, "#0072b2")):
        if errors.modes:
            right.semilogy(errors.modes, np.maximum(found[:, 0], 1e-16), "o-", color=color, label=name)
            right.legend(frameon=False)
    right.set(xlabel="modes of a basis", ylabel="mean relative error, held out")
    for axes in (left, right):
        axes.grid(True, color="0.9", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    write_atomic(path, lambda file: figure.savefig(file, format="png", dpi=130))
