"""Survival by two objectives, as in NSGA-II: Pareto fronts one after the other, and of the last the least crowded.

Deb, Pratap, Agarwal & Meyarivan 2002, *A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II*.
"""

import numpy as np
from jaxtyping import Float, Int


def ranks(objectives: Float[np.ndarray, "n 2"]) -> Int[np.ndarray, " n"]:
    """The number of the Pareto front of each row, from 0; both objectives are to be small.

    >>> ranks(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])).tolist()
    [0, 0, 1]
    """
    no_worse = (objectives[:, None] <= objectives).all(2)
    dominates = no_worse & ~no_worse.T
    rank = np.zeros(len(objectives), int)
    left = np.ones(len(objectives), bool)
    level = 0
    while left.any():
        front = left & ~(dominates & left[:, None]).any(0)
        rank[front] = level
        left &= ~front
        level += 1
    return rank


def crowding(objectives: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
    """Half the perimeter of the box between a row's neighbours on its front; infinite at the ends.

    >>> crowding(np.array([[0.0, 4.0], [1.0, 1.0], [2.0, 0.0]])).tolist()
    [inf, 2.0, inf]
    """
    distance = np.zeros(len(objectives))
    for column in objectives.T:
        order = np.argsort(column, kind="stable")
        spread = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if spread > 0.0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
    return distance


def survivors(objectives: Float[np.ndarray, "n 2"], count: int) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """At most `count` rows to keep, best first, and their ranks."""
    rank = ranks(objectives)
    crowd = np.zeros(len(objectives))
    for level in np.unique(rank):
        crowd[rank == level] = crowding(objectives[rank == level])
    kept = np.lexsort((-crowd, rank))[:count]
    return kept, rank[kept]
