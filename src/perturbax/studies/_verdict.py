"""What judges of sampler studies measure on a table: convergence orders, and errors relative to a baseline.

A missing cell gives NaN, which meets no bar.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd


def select(table: pd.DataFrame, **cell: Any) -> pd.DataFrame:
    """The rows of the cells that have the given values; none when the table has no such column."""
    for name, value in cell.items():
        if name not in table:
            return table.iloc[:0]
        table = table[table[name] == value]
    return table


def order(table: pd.DataFrame, steps: Sequence[int], **cell: Any) -> float:
    """The order of convergence: minus the least-squares slope of log error, median over seeds, against log cost."""
    rows = select(table, **cell)
    if rows.empty or not set(steps) <= set(rows["steps"]):
        return np.nan
    median = rows[rows["steps"].isin(steps)].groupby("steps")[["evaluations", "error"]].median()
    return -float(np.polyfit(np.log(median["evaluations"]), np.log(median["error"]), 1)[0])


def relative_error(table: pd.DataFrame, method: str, baseline: str, steps: int, **cell: Any) -> float:
    """The error of a method over that of another at the same budget and seed, median over the seeds."""
    return ratio(table, "error", method, baseline, steps=steps, **cell)


def ratio(table: pd.DataFrame, column: str, method: str, baseline: str, **cell: Any) -> float:
    """A column of a method over that of another at the same seed, median over the seeds."""
    ours, theirs = (select(table, method=name, **cell) for name in (method, baseline))
    if ours.empty or theirs.empty or column not in table:
        return np.nan
    return float((ours.set_index("seed")[column] / theirs.set_index("seed")[column]).median())


def median_of(table: pd.DataFrame, column: str, **cell: Any) -> float:
    """The median of a column over the seeds of a cell."""
    rows = select(table, **cell)
    return float(rows[column].median()) if column in rows and len(rows) else np.nan
