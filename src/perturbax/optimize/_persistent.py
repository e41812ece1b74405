"""A tuner for the loop of any program: it remembers, and what it has learned outlives the program."""

import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core import (
    check_instance,
    check_key,
    check_number,
    float64,
    from_settings,
    read_tree,
    settings_of,
    write_tree,
)
from ._compiled import compiled, pack
from ._cost_estimator import AbstractCostEstimator
from ._tuner import AbstractTuner, Choice

_LABEL = "a tuner of perturbax.optimize"
_SAVED = (AbstractTuner, AbstractCostEstimator)


class Tuner:
    """Asks and tells around any solver: PETSc, PyAMG or your own.

    It makes the choices that `tune` makes with the same key. Choices may be told late, in any order, or never: several
    simulations can share one tuner.

    **Arguments:** `method`: such as `TsallisINF()`; `key`: JAX PRNG key.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    >>> from perturbax import optimize
    >>> tuner = optimize.Tuner(optimize.TsallisINF(), key=jax.random.key(0))
    >>> for _ in range(200):
    ...     choice = tuner.ask()
    ...     tuner.tell(choice, cost=20.0 + 100.0 * (float(choice.value) - 1.5) ** 2)
    >>> tuner.rounds
    200
    """

    def __init__(self, method: AbstractTuner, *, key: Any):
        self.method = check_instance("method", method, AbstractTuner, "a method such as TsallisINF()")
        key = check_key("key", key)
        if not jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key):
            key = jax.random.wrap_key_data(key)
        self._key = key
        self._data = jax.random.key_data(key)
        self._programs = compiled(method, str(jax.random.key_impl(key)))
        # Looked up once: attributes of modules are slower than the rounds.
        self._needs_context, self._domain, self._least = method.needs_context, method.domain, method.least
        self.asked = self.rounds = self.clipped = 0
        with float64():
            self._vector = pack(method.init())

    @property
    def state(self) -> Any:
        """What the method knows."""
        with float64():
            return self._programs.unpack(self._vector)

    def ask(self, context: float | int | None = None) -> Choice:
        """The value for the next solve.

        **Arguments:** `context`: what is known of the instance, for methods that need it.

        **Raises:** `ValueError`, `TypeError` for a context that is missing or not finite.
        """
        if context is None:
            if self._needs_context:
                raise ValueError(f"context must be given for {type(self.method).__name__}")
            context = 0.0
        number: float = check_number("context", context)
        if self._domain is not None and not self._domain[0] <= number <= self._domain[1]:
            self.clipped += 1
        with float64():
            choice = self._programs.ask(self._vector, number, self._data, self.asked)
        self.asked += 1
        return choice

    def tell(self, choice: Choice, cost: float | int) -> None:
        """What the solve with a choice cost: iterations or seconds; of a solve that failed, its cap.

        **Raises:** `ValueError`, `TypeError` for a cost that is not finite or below the least one.
        """
        check_instance("choice", choice, Choice, "what ask returned")
        cost = check_number("cost", cost, minimum=self._least)
        with float64():
            self._vector = self._programs.tell(self._vector, choice, cost)
        self.rounds += 1

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write method, state and key to a file, whole or not at all. Choices that were not told yet are not in it.

        **Raises:** `TypeError` when the method holds a function, `OSError` when the file cannot be written.
        """
        tree = {
            "method": settings_of(self.method, *_SAVED),
            "state": [np.asarray(leaf) for leaf in jax.tree.leaves(self.state)],
            "counts": [self.asked, self.rounds, self.clipped],
            "key": self._key,
        }
        write_tree(path, tree, _LABEL)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Tuner":
        """Read what `save` wrote, and go on as if the program had never stopped. Nothing is unpickled.

        **Raises:** `ValueError` when the file is damaged or another, `OSError` when it cannot be read.

        >>> import tempfile
        >>> from perturbax import optimize
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     optimize.Tuner(optimize.UCB1(), key=jax.random.key(0)).save(f"{folder}/tuner.npz")
        ...     optimize.Tuner.load(f"{folder}/tuner.npz").rounds
        0
        """
        tree = read_tree(path, _LABEL)
        try:
            loaded = cls(from_settings(tree["method"], *_SAVED), key=tree["key"])
            leaves, structure = jax.tree.flatten(loaded.state)
            if [leaf.shape for leaf in leaves] != [np.shape(leaf) for leaf in tree["state"]]:
                raise ValueError("the state does not fit the method")
            with float64():
                kept = [jnp.asarray(one, like.dtype) for one, like in zip(tree["state"], leaves, strict=True)]
                loaded._vector = pack(jax.tree.unflatten(structure, kept))
            loaded.asked, loaded.rounds, loaded.clipped = map(int, tree["counts"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)} holds no tuner that can be read: {error}") from None
        return loaded
