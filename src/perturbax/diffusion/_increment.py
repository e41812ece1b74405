"""One-step increments from a state to both of its neighbours on the grid, as bi-directional integration needs them."""

import abc
from typing import Any, Literal

import equinox as eqx

from ..core import check_choice
from ._adams_bashforth import step
from ._exponential import INNER_RATIOS, Expansion, advance, singlestep, with_inner
from ._process import AbstractProcess
from ._trace import Node, Tracer


class AbstractIncrement(eqx.Module):
    """A one-step integrator whose result depends on the current state only."""

    @property
    @abc.abstractmethod
    def evaluations(self) -> int:
        """Network evaluations per step."""

    @abc.abstractmethod
    def __call__(
        self, process: AbstractProcess, x: Any, evaluate: Tracer, here: Node, cleaner: Node | None, noisier: Node | None
    ) -> tuple[Any, Any]:
        """The states that the integrator reaches from `x` at the cleaner and at the noisier neighbour, where wanted."""


class DDIMIncrement(AbstractIncrement):
    """DDIM steps both ways from one evaluation.

    >>> DDIMIncrement().evaluations
    1
    """

    @property
    def evaluations(self) -> int:
        return 1

    def __call__(
        self, process: AbstractProcess, x: Any, evaluate: Tracer, here: Node, cleaner: Node | None, noisier: Node | None
    ) -> tuple[Any, Any]:
        e = evaluate.noise(x, here)
        forward = None if cleaner is None else step(x, here, cleaner, e)
        backward = None if noisier is None else step(x, here, noisier, e)
        return forward, backward


class MidpointIncrement(AbstractIncrement):
    """DPM-Solver++ 2S towards the data and its first-order step back: two evaluations.

    >>> MidpointIncrement().evaluations
    2
    """

    @property
    def evaluations(self) -> int:
        return 2

    def __call__(
        self, process: AbstractProcess, x: Any, evaluate: Tracer, here: Node, cleaner: Node | None, noisier: Node | None
    ) -> tuple[Any, Any]:
        expansion = Expansion(data=True)
        m = expansion.evaluate(evaluate, x, here, 2)
        forward = backward = None
        if noisier is not None:
            backward = advance(expansion.weights(here, noisier), x, m, (), True)
        if cleaner is not None:
            nodes = with_inner(process, here, cleaner, INNER_RATIOS[2])
            forward, _ = singlestep(expansion, 2, nodes, x, m, True, evaluate)
        return forward, backward


class HeunIncrement(AbstractIncrement):
    """Heun's step in the noise level towards the data; back by Euler's step (no further evaluation) or by Heun's.

    **Arguments:** `backward`: `"euler"` or `"heun"`.

    **Raises:** `ValueError` for another `backward`.

    >>> HeunIncrement().evaluations, HeunIncrement("heun").evaluations
    (2, 3)
    """

    backward: Literal["euler", "heun"] = "euler"

    def __check_init__(self):
        check_choice("backward", self.backward, ("euler", "heun"))

    @property
    def evaluations(self) -> int:
        return 2 if self.backward == "euler" else 3

    def __call__(
        self, process: AbstractProcess, x: Any, evaluate: Tracer, here: Node, cleaner: Node | None, noisier: Node | None
    ) -> tuple[Any, Any]:
        e = evaluate.noise(x, here, 2)

        def heun(there: Node) -> Any:
            return step(x, here, there, 0.5 * (e + evaluate.noise(step(x, here, there, e), there, 2)))

        forward = None if cleaner is None else heun(cleaner)
        backward = None
        if noisier is not None:
            backward = step(x, here, noisier, e) if self.backward == "euler" else heun(noisier)
        return forward, backward
