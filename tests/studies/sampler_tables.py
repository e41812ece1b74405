"""Made-up tables for the judges of the sampler studies: every cell a method's error law, so that every bar is met."""

import numpy as np
import pandas as pd

from perturbax.studies import Study


def table_of(study: Study, preset: str, error, **columns) -> pd.DataFrame:
    """A row for every trial of a preset, with `error(cell)` and the other columns as functions of the cell."""
    rows = []
    for trial in study.trials(study.presets[preset]):
        row = {**trial.cell, "seed": trial.seed, "evaluations": trial.cell["steps"], "error": error(trial.cell)}
        rows.append({**row, **{name: value(trial.cell) for name, value in columns.items()}})
    return pd.DataFrame(rows)


def spoiled(table: pd.DataFrame, column: str, factor: float, **cell) -> pd.DataFrame:
    """The table with a column multiplied by a factor in the cells that have the given values."""
    chosen = np.logical_and.reduce([table[name] == value for name, value in cell.items()])
    assert chosen.any(), f"no row has {cell}"
    table = table.copy()
    table.loc[chosen, column] *= factor
    return table


def failed(study: Study, table: pd.DataFrame) -> set[str]:
    """The names of the bars that a table misses."""
    return {bar.name for bar in study.judge(table) if not bar.met}
