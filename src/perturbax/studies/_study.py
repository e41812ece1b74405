"""What a study declares: a published claim as an experiment with cells, seeds, bars and one picture.

A study is one file `perturbax/studies/<slug with _>.py` that ends with `STUDY = Study(...)`. Its four functions are
plain functions of that file:

- `trials(preset)` gets the *value* of the chosen preset (the parameters under that name in `presets`) and returns the
  grid: one `Trial` per cell and seed;
- `run(trial, key)` does one trial and returns a flat record of numbers, strings and small arrays;
- `judge(table)` gets the finished table, one row per trial with the columns of the cells, `seed`, and the columns of
  the records, and returns the bars;
- `plot(table)` gets the same table and returns one Matplotlib figure that a person would look at.
"""

import math
import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

PRESETS = ("smoke", "small", "full")
Scalar = str | int | float | bool


@dataclass(frozen=True)
class Trial:
    """One unit of work: a cell of the grid and a seed.

    The cell must say everything that the result depends on besides the code, because its content is what decides
    whether a trial is already in the store.

    **Arguments:**

    - `cell`: names and values (strings, finite numbers, booleans) of the point in the grid.
    - `seed`: an integer >= 0. Trials with one seed share one key in all cells, so that methods are compared on the
        same random numbers.

    **Raises:**

    `ValueError`/`TypeError` for a name or value that is none of these.

    >>> from perturbax.studies import Trial
    >>> Trial({"method": "DDIM", "steps": 10}, seed=0).label
    'method=DDIM steps=10 seed=0'
    """

    cell: Mapping[str, Any]
    seed: int | np.integer

    def __post_init__(self):
        if not isinstance(self.cell, Mapping):
            raise TypeError(f"cell must be a dict of names to scalars, got {type(self.cell).__name__}")
        settled = {_settle_name(name): _settle_scalar(name, value) for name, value in self.cell.items()}
        object.__setattr__(self, "cell", settled)
        if isinstance(self.seed, bool) or not isinstance(self.seed, numbers.Integral) or self.seed < 0:
            raise ValueError(f"seed must be an integer >= 0, got {self.seed!r}")
        object.__setattr__(self, "seed", int(self.seed))

    @property
    def label(self) -> str:
        """The cell and the seed in one line, as messages show them."""
        return " ".join([*(f"{name}={value}" for name, value in self.cell.items()), f"seed={self.seed}"])


@dataclass(frozen=True)
class Bar:
    """A threshold that a claim must pass, with what was measured.

    **Arguments:**

    - `name`: what is measured, in words.
    - `measured`: the measured value; NaN never passes.
    - `threshold`: the bar; the lower end for `sense="in"`.
    - `sense`: `"<="`, `">="`, or `"in"` for a closed interval from `threshold` to `upper`.
    - `upper`: the upper end, for `sense="in"` only.
    - `note`: where the threshold comes from.

    >>> from perturbax.studies import Bar
    >>> Bar("order of the error", measured=2.97, threshold=2.8, sense=">=").met
    True
    """

    name: str
    measured: float | int | np.number
    threshold: float | int | np.number
    sense: str
    upper: float | int | np.number | None = None
    note: str = ""

    def __post_init__(self):
        if self.sense not in ("<=", ">=", "in"):
            raise ValueError(f'sense must be "<=", ">=" or "in", got {self.sense!r}')
        for label in ("measured", "threshold"):
            object.__setattr__(self, label, float(getattr(self, label)))
        if not math.isfinite(self.threshold):
            raise ValueError(f"threshold of bar {self.name!r} must be finite, got {self.threshold}")
        if (self.sense == "in") != (self.upper is not None):
            raise ValueError(f'upper of bar {self.name!r} must be given for sense="in" and only then')
        if self.upper is not None:
            object.__setattr__(self, "upper", float(self.upper))
            if not self.threshold <= self.upper < math.inf:
                raise ValueError(f"upper of bar {self.name!r} must be finite and >= threshold, got {self.upper}")

    @property
    def met(self) -> bool:
        """Whether the measured value passes."""
        if self.sense == "<=":
            return bool(self.measured <= self.threshold)
        if self.sense == ">=":
            return bool(self.measured >= self.threshold)
        return self.upper is not None and bool(self.threshold <= self.measured <= self.upper)

    @property
    def wanted(self) -> str:
        """The threshold in words, for tables."""
        if self.sense == "in":
            return f"in [{self.threshold:.4g}, {self.upper:.4g}]"
        return f"{self.sense} {self.threshold:.4g}"

    def as_json(self) -> dict[str, Any]:
        """The bar as plain JSON values; a measured value that is not finite is `None`."""
        return {
            "name": self.name,
            "measured": self.measured if math.isfinite(self.measured) else None,
            "threshold": self.threshold,
            "sense": self.sense,
            "upper": self.upper,
            "wanted": self.wanted,
            "met": self.met,
            "note": self.note,
        }


@dataclass(frozen=True, kw_only=True)
class Study:
    """A published claim as an experiment. See the module's docstring for the four functions.

    **Arguments:**

    - `slug`: lower case words joined by `-`; a packaged study's file is named after it with `_`.
    - `title`, `claim`: the system's name, and what is claimed, in one sentence.
    - `verb`: the verb that the methods answer, as `"package.verb"`.
    - `methods`: the names of the methods that are compared.
    - `presets`: parameters of the grid by name; `"smoke"` (seconds, no verdict), `"small"` (two cores, the verdict) and
        `"full"` must be there.
    - `trials`, `run`, `judge`, `plot`: the four functions.
    - `number`, `paper`: number in the table of systems and arXiv id; `None` for a study of your own.
    - `precision`: `"float32"` or `"float64"`, scoped to each trial.

    **Raises:**

    `ValueError`/`TypeError` that name the field.
    """

    slug: str
    title: str
    claim: str
    verb: str
    methods: tuple[str, ...]
    presets: Mapping[str, Any]
    trials: Callable[[Any], Sequence[Trial]] = field(repr=False)
    run: Callable[[Trial, Any], Mapping[str, Any]] = field(repr=False)
    judge: Callable[[Any], Sequence[Bar]] = field(repr=False)
    plot: Callable[[Any], Any] = field(repr=False)
    number: int | None = None
    paper: str | None = None
    precision: Literal["float32", "float64"] = "float32"

    def __post_init__(self):
        if not isinstance(self.slug, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.slug):
            raise ValueError(f"slug must be lower case words joined by '-', got {self.slug!r}")
        for name in ("title", "claim", "verb"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise ValueError(f"{name} of study {self.slug!r} must be a text, got {getattr(self, name)!r}")
        if isinstance(self.methods, str) or not all(isinstance(name, str) for name in self.methods):
            raise TypeError(f"methods of study {self.slug!r} must be a tuple of names, got {self.methods!r}")
        object.__setattr__(self, "methods", tuple(self.methods))
        missing = [name for name in PRESETS if name not in self.presets]
        if missing:
            raise ValueError(f"presets of study {self.slug!r} must contain smoke, small and full; missing {missing}")
        for name in ("trials", "run", "judge", "plot"):
            if not callable(getattr(self, name)):
                raise TypeError(f"{name} of study {self.slug!r} must be a function, got {getattr(self, name)!r}")
        if self.precision not in ("float32", "float64"):
            raise ValueError(f'precision of study {self.slug!r} must be "float32" or "float64", got {self.precision!r}')


def _settle_name(name: Any) -> str:
    if not isinstance(name, str) or not name or name == "seed":
        raise ValueError(f"a name in cell must be a non-empty text other than 'seed', got {name!r}")
    return name


def _settle_scalar(name: str, value: Any) -> Scalar:
    """The value as a plain Python scalar, so that its content is the same in every process and store."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if not isinstance(value, Scalar):
        raise TypeError(f"cell[{name!r}] must be a text, number or boolean, got {type(value).__name__}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"cell[{name!r}] must be finite, got {value}")
    return value
