"""Made-up tables for the judges of studies, such that every bar is met, and what makes one missed."""

from collections.abc import Callable, Mapping
from typing import Any

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


def made_up(study: Study, record: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> pd.DataFrame:
    """A row for every trial of the preset `small`, with what `record` gives for its cell."""
    trials = study.trials(study.presets["small"])
    return pd.DataFrame([{**trial.cell, "seed": trial.seed, **record(trial.cell)} for trial in trials])


def changed(table: pd.DataFrame, column: str, change: Callable[[Any], Any], **cell) -> pd.DataFrame:
    """The table with other values in a column, in the cells that have the given values."""
    chosen = np.logical_and.reduce([table[name] == value for name, value in cell.items()])
    assert chosen.any(), f"no row has {cell}"
    values = [change(value) if hit else value for value, hit in zip(table[column], chosen, strict=True)]
    return table.assign(**{column: values})


def spoiled(table: pd.DataFrame, column: str, factor: float, **cell) -> pd.DataFrame:
    """The table with a column multiplied by a factor in the cells that have the given values."""
    return changed(table, column, lambda value: value * factor, **cell)


def failed(study: Study, table: pd.DataFrame) -> set[str]:
    """The names of the bars that a table misses."""
    return {bar.name for bar in study.judge(table) if not bar.met}
