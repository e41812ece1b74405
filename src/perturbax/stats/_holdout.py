"""A holdout that may be asked again and again: the persistent shell around the mechanisms of `answer_queries`."""

import dataclasses
import os
import threading
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import check_instance, check_key, digest, from_settings, settings_of
from ._answer_queries import AbstractQueryMethod, BudgetExhausted, certificate_of, guarantees_of, noise_keys
from ._guarantee import Guarantee, Privacy
from ._ledger import Ledger
from ._query_noise import AbstractNoise
from ._query_values import SampleSizes, ValueRange, evaluate, settled_records
from ._records import digest_of_records


class Holdout:
    """Answers queries one by one, keeps the budget, and writes a ledger.

    The same key gives the same answers as `answer_queries` gives to a session of the same queries. A holdout is a
    resource, not a value: `copy` and `deepcopy` return the object itself, and in another process it is the same ledger.

    This protects the *validity* of answers, not secrets: the ledger holds the key of the noise, and noise of floating
    point numbers has known weaknesses (Mironov 2012). Keep records and ledger from analysts whom you do not trust.

    **Arguments:**

    - `train`: the records that the analyst works on, or `None`; `holdout`: records of the same kind, drawn apart. A
      table, or a pytree of arrays whose first axis counts the records.
    - `method`: such as `Thresholdout.practice(n)`.
    - `key`: JAX PRNG key of the noise; it must never be used for another holdout of the same records.
    - `ledger`: path of a file that must not exist yet; without it the answers are kept in memory, see `save`.
    - `domain`, `bounds`, `clip`: as of a `QuerySession`.

    **Raises:** `FileExistsError` when there is a ledger already, which `Holdout.open` continues; `ValueError` or
    `TypeError` for arguments that do not fit.

    Source: Dwork et al. 2015 (Science).

    >>> import jax, numpy as np
    >>> from perturbax import stats
    >>> train, kept = np.zeros(100), np.zeros(100)
    >>> holdout = stats.Holdout(train, kept, stats.Thresholdout.practice(100, budget=5), key=jax.random.key(0))
    >>> holdout.query(lambda records: records < 0.5), holdout.left
    (1.0, 5)
    """

    def __init__(
        self,
        train: Any,
        holdout: Any,
        method: AbstractQueryMethod,
        *,
        key: Any,
        ledger: str | os.PathLike[str] | None = None,
        domain: Any = None,
        bounds: Any = (0.0, 1.0),
        clip: bool = False,
    ):
        check_instance("method", method, AbstractQueryMethod, "a method such as Thresholdout.practice(n)")
        key = check_key("key", key)
        if not jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key):
            key = jax.random.wrap_key_data(key)
        self._settle((holdout, train, domain), method, key, ValueRange(bounds, clip))
        self._ledger = Ledger(
            {
                "method": settings_of(method, *_SAVED),
                "records": {name: n for name, n in zip(_NAMES, dataclasses.astuple(self.sizes), strict=True)},
                "digests": self._digests,
                "bounds": [self.range.low, self.range.high] if self.range.bounded else None,
                "clip": clip,
                "key": {"impl": str(jax.random.key_impl(key)), "data": np.asarray(jax.random.key_data(key)).tolist()},
            }
        )
        if ledger is not None:
            self.save(ledger)

    @classmethod
    def open(cls, ledger: str | os.PathLike[str], train: Any, holdout: Any, *, domain: Any = None) -> "Holdout":
        """Continue a ledger with the records that it was started with.

        **Raises:** `ValueError` when the ledger is damaged or was cut short, or belongs to other records.
        """
        opened = object.__new__(cls)
        opened._ledger = Ledger.load(ledger)
        head = opened._ledger.head
        key = jax.random.wrap_key_data(jnp.asarray(head["key"]["data"], jnp.uint32), impl=head["key"]["impl"])
        opened._settle((holdout, train, domain), method_of(head), key, range_of(head))
        for name, wanted in head["digests"].items():
            if opened._digests[name] != wanted:
                raise ValueError(f"{name} has other records than those that the ledger {ledger} was started with")
        for entry in opened._ledger.entries:
            opened._apply(entry)
        return opened

    def query(self, query: Callable[[Any], Any], name: str | None = None) -> float:
        """Ask for the mean of a function of the records.

        **Arguments:** `query`: takes all records at once and gives one value for each, of any framework; `name`: what
        the ledger calls it.

        **Returns:** the answer, which is in the ledger when this returns.

        **Raises:** `BudgetExhausted`; `ValueError` for values that are NaN or out of bounds. Neither is charged.
        """
        # Outside of the turn, so that processes compute their values at the same time.
        values, outside, refused = evaluate(query, *self._records, sizes=self.sizes, within=self.range)
        if bool(refused):
            raise ValueError(self.range.complaint(self.asked))
        with self._mutex, self._ledger.turn() as others:
            for entry in others:
                self._apply(entry)
            key = jax.random.fold_in(self._noise_key, self.asked)
            state, answer = _answer(self.method, self._state, values, key)
            exhausted, changed = bool(answer.exhausted), _changed(self._state, state)
            entry = {
                "query": self.asked,
                "name": name,
                "answer": None if exhausted else float(self.range.unscaled(answer.value)),
                "used_holdout": bool(answer.used_holdout),
                "clipped": int(outside),
                "noise": digest(key)[:32],
                "left": _plain(self.method.left(state)),
                "state": changed,
            }
            if changed or not exhausted:  # a refusal that is itself the last report counts
                self._ledger.append(entry)
                self._apply(entry)
        if exhausted:
            raise BudgetExhausted(
                f"the budget of {type(self.method).__name__} is spent after {self.asked} queries; a valid answer "
                "needs a new holdout"
            )
        return entry["answer"]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the ledger to a new file, and every further answer.

        **Raises:** `FileExistsError` when the file is there; `ValueError` when there is a ledger already.
        """
        if self._ledger.path is not None:
            raise ValueError(f"path: this holdout has a ledger already, {self._ledger.path}")
        self._ledger.attach(path)

    @property
    def asked(self) -> int:
        """How many queries were answered, by this process or, as far as is known, by others."""
        return self._asked

    @property
    def left(self) -> int | None:
        """How many more times the holdout may be consulted; `None` without a limit."""
        return _plain(self.method.left(self._state))

    @property
    def log(self) -> tuple[dict[str, Any], ...]:
        """The answers so far: number, name, answer, whether the holdout was consulted, what is left."""
        return log_of(self._ledger)

    def privacy(self, delta: float = 1e-6) -> Privacy:
        """The privacy that was spent."""
        return privacy_of_ledger(self._ledger, delta)

    def guarantees(self, queries: int | None = None, beta: float = 0.05) -> tuple[Guarantee, ...]:
        """The bounds on the errors for that many queries; for those so far by default."""
        return guarantees_of(self.method, self.sizes, self.asked if queries is None else queries, beta, self.range)

    def certificate(self, beta: float = 0.05) -> str:
        """What the answers so far are worth, in plain language."""
        return certificate_of(self.guarantees(beta=beta), self.asked, self.sizes, self.left)

    def __copy__(self) -> "Holdout":
        return self

    def __deepcopy__(self, memo: Any) -> "Holdout":
        return self

    def __reduce__(self) -> Any:
        if self._ledger.path is None:
            raise TypeError("a Holdout without a ledger cannot go to another process: give it one with save(path)")
        holdout, train, domain = self._records
        return _reopen, (str(self._ledger.path.absolute()), train, holdout, domain)

    def _settle(self, records: tuple[Any, Any, Any], method: AbstractQueryMethod, key: Any, within: ValueRange) -> None:
        named = zip(_NAMES, records, strict=True)
        self._digests = {name: digest_of_records(name, part) for name, part in named if part is not None}
        holdout, train, domain, self.sizes = settled_records(*records)
        self._records = (holdout, train, domain)
        self.method, self.range = method, within
        init_key, self._noise_key = noise_keys(key)
        self._state = jax.tree.map(jnp.asarray, method.init(self.sizes, init_key))
        self._asked = 0
        self._mutex = threading.RLock()

    def _apply(self, entry: dict[str, Any]) -> None:
        leaves, structure = jax.tree.flatten(self._state)
        for place, value in entry["state"].items():
            leaves[int(place)] = jnp.asarray(value, leaves[int(place)].dtype)
        self._state = jax.tree.unflatten(structure, leaves)
        self._asked += 1


_NAMES = ("holdout", "train", "domain")
_SAVED = (AbstractQueryMethod, AbstractNoise)
_answer = eqx.filter_jit(lambda method, state, values, key: method.answer(state, values, key))


def status_of_ledger(path: str | os.PathLike[str], *, beta: float = 0.05) -> dict[str, Any]:
    """What a ledger tells without the records that it belongs to.

    **Arguments:** `path`: of the ledger; `beta`: the probability with which the guarantees may fail.

    **Returns:** a dictionary of plain values: `method`, `records` of the holdout, `asked`, `left`, `epsilon` and
    `delta` that were spent, `guarantees`, `certificate` in plain language, and the `log`.

    **Raises:** as `Holdout.open`, save for the records.

    >>> import tempfile, jax, numpy as np
    >>> from perturbax import stats
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     method = stats.GaussianNoise(0.1)
    ...     kept = stats.Holdout(None, np.zeros(9), method, key=jax.random.key(0), ledger=f"{folder}/l.jsonl")
    ...     stats.status_of_ledger(f"{folder}/l.jsonl")["asked"]
    0
    """
    ledger = Ledger.load(path)
    head, entries = ledger.head, ledger.entries
    method, sizes, within = method_of(head), sizes_of(head), range_of(head)
    left = entries[-1]["left"] if entries else _plain(method.left(method.init(sizes, jax.random.key(0))))
    guarantees = guarantees_of(method, sizes, len(entries), beta, within)
    privacy = privacy_of_ledger(ledger)
    return {
        "method": type(method).__name__,
        "records": sizes.holdout,
        "asked": len(entries),
        "left": left,
        "epsilon": privacy.epsilon,
        "delta": privacy.delta,
        "guarantees": [{"tau": g.tau, "beta": g.beta, "adaptive": g.adaptive, "source": g.source} for g in guarantees],
        "certificate": certificate_of(guarantees, len(entries), sizes, left),
        "log": list(log_of(ledger)),
    }


def method_of(head: dict[str, Any]) -> AbstractQueryMethod:
    """The method that the first line of a ledger describes."""
    return from_settings(head["method"], *_SAVED)


def sizes_of(head: dict[str, Any]) -> SampleSizes:
    """The numbers of records that the first line of a ledger tells."""
    return SampleSizes(*(head["records"][name] for name in _NAMES))


def range_of(head: dict[str, Any]) -> ValueRange:
    """The bounds that the first line of a ledger tells."""
    return ValueRange(head["bounds"] or (-np.inf, np.inf), head["clip"])


def log_of(ledger: Ledger) -> tuple[dict[str, Any], ...]:
    """The answers of a ledger without the states."""
    shown = ("query", "name", "answer", "used_holdout", "clipped", "left")
    return tuple({name: entry[name] for name in shown} for entry in ledger.entries)


def privacy_of_ledger(ledger: Ledger, delta: float = 1e-6) -> Privacy:
    """The privacy that the answers of a ledger have spent; none is known for values without bounds."""
    if ledger.head["bounds"] is None:
        return Privacy.none()
    uses = sum(entry["used_holdout"] for entry in ledger.entries)
    return method_of(ledger.head).privacy(sizes_of(ledger.head), len(ledger.entries), uses, delta)


def _reopen(path: str, train: Any, holdout: Any, domain: Any) -> Holdout:
    return Holdout.open(path, train, holdout, domain=domain)


def _plain(value: Any) -> int | None:
    return None if value is None else int(value)


def _changed(before: Any, after: Any) -> dict[str, Any]:
    """The leaves of a state that are new, by their places: a free answer writes none."""
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    return {str(i): np.asarray(b).tolist() for i, (a, b) in enumerate(pairs) if not np.array_equal(a, b)}
