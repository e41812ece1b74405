"""All instances of a folder in the layout of the competition VNN-COMP, one after the other."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_COLUMNS: tuple[str, ...] = ("network", "property", "result", "seconds", "reason")


class Instance(NamedTuple):
    """A row of `instances.csv`: paths relative to the folder, and a time limit in seconds."""

    network: str
    property: str
    seconds: float


def read_instances(folder: Path) -> list[Instance]:
    """The rows of `instances.csv`: network, property, seconds.

    **Raises:** `ValueError` with the line of what is wrong.
    """
    path = folder / "instances.csv"
    if not path.is_file():
        raise ValueError(f"NETWORK: the folder {folder} has no instances.csv")
    found = []
    with open(path, encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            if not row:
                continue
            try:
                network, prop, seconds = (word.strip() for word in row)
                found.append(Instance(network, prop, float(seconds)))
            except ValueError:
                raise ValueError(
                    f"{path}: line {number} must be network,property,seconds, got {','.join(row)}"
                ) from None
    return found


def run_instances(folder: Path, out: Path, decide: Callable[[Path, Path, float], tuple[str, float, str]]) -> list[Any]:
    """Decide all instances that are not in the table `out` yet, and add a row for each as soon as it is there.

    **Arguments:** `decide`: from the network, the property and the seconds to the result, the seconds that it took and
    a reason. An instance whose files are refused has the result `error`.

    **Returns:** the rows of the table.
    """
    from perturbax.core import progress, write_atomic

    rows = _read_table(out)
    known = {(row["network"], row["property"]) for row in rows}
    for network, prop, seconds in progress(read_instances(folder), "instances"):
        if (network, prop) in known:
            continue
        try:
            found = decide(_unpacked_or_packed(folder / network), _unpacked_or_packed(folder / prop), seconds)
        except (ValueError, TypeError, NotImplementedError, OSError) as error:
            # A file that cannot be read, or an operator without a rule (MissingRuleError is a NotImplementedError), is
            # the answer of a row, not the end of all.
            found = ("error", 0.0, " ".join(str(error).split()))
        result, spent, reason = found
        values = (network, prop, result, f"{spent:.3f}", reason)
        rows.append(dict(zip(_COLUMNS, values, strict=True)))
        buffer = io.StringIO()
        table = csv.DictWriter(buffer, _COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        write_atomic(out, buffer.getvalue().encode())
    return rows


def _read_table(out: Path) -> list[dict[str, str]]:
    if not out.exists():
        return []
    with open(out, encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        if tuple(table.fieldnames or ()) != _COLUMNS:
            raise ValueError(f"--out {out} is no table of results; remove it or name another")
        return list(table)


def _unpacked_or_packed(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    return packed if packed.is_file() and not path.is_file() else path
