"""Snapshots in a user's file: a `.csv` table or the cells of an `.h5ad` file, with the time of each row."""

from pathlib import Path

import numpy as np
import pandas as pd

from ._options import check_file


def load_snapshots(option: str, path: Path, time: str, obsm: str) -> tuple[list[np.ndarray], np.ndarray, list[str]]:
    """The points of each time in float64, the times, and the names of the columns.

    Of a table all columns but `time` are coordinates; of an `.h5ad` file the array `obsm`, with `obs[time]`.
    """
    check_file(option, path)
    readers = {".csv": _csv, ".h5ad": _h5ad}
    if path.suffix not in readers:
        raise ValueError(f"{option}: {path} must end with .csv or .h5ad")
    try:
        points, when, names = readers[path.suffix](path, time, obsm)
    except (ValueError, OSError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"{option}: {path} cannot be read ({error})") from None
    if points.dtype.kind not in "fiu" or points.ndim != 2 or points.size == 0:
        raise ValueError(f"{option}: {path} must hold numbers of shape (n, d), got {points.dtype} {points.shape}")
    bad = ~(np.isfinite(points).all(1) & np.isfinite(when))
    if bad.any():
        raise ValueError(f"{option}: {path} must hold finite numbers, row {int(np.argmax(bad))} does not")
    times = np.unique(when)
    if len(times) < 2:
        raise ValueError(f"{option}: {path} must hold two times or more in {time}, got {times.tolist()}")
    return [points[when == t].astype(np.float64) for t in times], times, names


def encode_paths(times: np.ndarray, states: np.ndarray, time: str, names: list[str]) -> bytes:
    """A table with a row for each path and time: the time, the number of the path, and its state."""
    count, paths, size = states.shape
    table = pd.DataFrame(states.reshape(-1, size), columns=pd.Index(names))
    table.insert(0, "path", np.tile(np.arange(paths), count))
    table.insert(0, time, np.repeat(times, paths))
    return table.to_csv(index=False, float_format="%.9g").encode()


def _csv(path: Path, time: str, obsm: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    table = pd.read_csv(path)
    if time not in table:
        raise ValueError(f"it has no column {time}; there are {', '.join(map(str, table.columns))}")
    rest = table.drop(columns=time)
    return rest.to_numpy(), _numbers(table[time]), [str(name) for name in rest.columns]


def _h5ad(path: Path, time: str, obsm: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    from ._points import load_points

    points = load_points("SNAPSHOTS", path, obsm)
    import h5py

    with h5py.File(path) as file:
        obs = file["obs"]
        assert isinstance(obs, h5py.Group)
        if time not in obs:
            raise ValueError(f"obs has no {time}; there are {', '.join(obs)}")
        column = obs[time]
        if isinstance(column, h5py.Group):  # categories and the code of each cell
            levels = pd.Series([_text(level) for level in column["categories"][()]])
            values = levels.iloc[column["codes"][()]]
        else:
            values = pd.Series([_text(value) for value in column[()]])
    if len(values) != len(points):
        raise ValueError(f"obs[{time}] must have one entry for each of {len(points)} cells, got {len(values)}")
    return points, _numbers(values), [f"{obsm}_{i}" for i in range(points.shape[1])]


def _numbers(values: pd.Series) -> np.ndarray:
    """Times as numbers; of texts such as `day 4` the number in them."""
    if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
        values = values.astype(str).str.extract(r"(-?\d+(?:\.\d+)?)", expand=False)
    return pd.to_numeric(values).to_numpy(np.float64)


def _text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value
