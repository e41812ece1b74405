"""How an exponential integrator spends its evaluations: singlestep, multistep."""

import abc
import itertools
from typing import Any, ClassVar, Literal

import equinox as eqx

from ..core import check_choice, check_integer, check_number
from ._exponential import INNER_RATIOS, Expansion, advance, backward_differences, singlestep, with_inner
from ._grid import AbstractGrid, LogSNR
from ._method import AbstractPlanned, Path
from ._trace import Tracer


class AbstractStepping(eqx.Module):
    """A way to spend a budget of evaluations on steps of a given order."""

    @abc.abstractmethod
    def integrate(self, solver: "AbstractExponential", x: Any, evaluate: Tracer, path: Path) -> Any:
        """Integrate along the path."""

    def minimum_evaluations(self, order: int) -> int:
        """The smallest budget for steps of an order."""
        return order


class Singlestep(AbstractStepping):
    """Restarting steps that spend the budget exactly: as many steps of the full order as fit, then lower orders.

    Also known as "DPM-Solver-fast". For order 3 and budget `K` the orders are `3, ..., 3, 2, 1`, `3, ..., 3, 1` or
    `3, ..., 3, 2` as `K mod 3` is 0, 1 or 2; because of the last step of order 1 the global order is then 2 unless
    `K mod 3 = 2`. Use `FixedSinglestep` for the full order.

    Source: Lu et al. 2022, section 3.4 and appendix.

    >>> Singlestep().orders(3, 10)
    [3, 3, 3, 1]
    """

    def orders(self, order: int, evaluations: int) -> list[int]:
        """The orders of the steps, which add up to `evaluations`."""
        if order < 3:
            return [order] * (evaluations // order) + [1] * (evaluations % order)
        full, rest = divmod(evaluations, 3)
        return [3] * (full - 1) + [2, 1] if rest == 0 else [3] * full + [rest]

    def integrate(self, solver: "AbstractExponential", x: Any, evaluate: Tracer, path: Path) -> Any:
        orders = self.orders(solver.order, path.evaluations)
        if isinstance(path.grid, LogSNR):
            outer = path.nodes(len(orders))
            steps = [
                with_inner(path.process, s, t, INNER_RATIOS[order])
                for order, s, t in zip(orders, outer[:-1], outer[1:], strict=True)
            ]
        else:
            nodes = path.nodes(path.evaluations)
            ends = [sum(orders[:i]) for i in range(len(orders) + 1)]
            steps = [nodes[first : last + 1] for first, last in itertools.pairwise(ends)]
        for order, nodes in zip(orders, steps, strict=True):
            f = solver.expansion.evaluate(evaluate, x, nodes[0], order)
            x, _ = singlestep(solver.expansion, order, nodes, x, f, solver.midpoint, evaluate)
        return x


class FixedSinglestep(AbstractStepping):
    """Restarting steps, all of the full order: `K // order` of them, which spends `order * (K // order)` of `K`.

    Source: Lu et al. 2022, algorithms 1 and 2.

    >>> FixedSinglestep().minimum_evaluations(3)
    3
    """

    def integrate(self, solver: "AbstractExponential", x: Any, evaluate: Tracer, path: Path) -> Any:
        outer = path.nodes(path.evaluations // solver.order)
        for s, t in itertools.pairwise(outer):
            nodes = with_inner(path.process, s, t, INNER_RATIOS[solver.order])
            f = solver.expansion.evaluate(evaluate, x, s, solver.order)
            x, _ = singlestep(solver.expansion, solver.order, nodes, x, f, solver.midpoint, evaluate)
        return x


class Multistep(AbstractStepping):
    """One evaluation a step, with derivatives from the predictions of earlier steps.

    Source: Lu et al. 2022b, algorithm 2 and appendix.

    **Arguments:**

    - `third`: the second derivative in steps of order 3. `"official"` is the published update, which all released
      codes share; it uses a divided difference where the expansion needs twice that, and is of order 2. `"exact"` has
      the factor and is of order 3. The published one is the better one under strong guidance.
    - `start`: `"lower_order"` starts with steps of order 1, 2, ...; `"singlestep"` takes singlestep steps of the full
      order until there is history.
    - `lower_order_final`: lower the order at the last steps to 2, 1 when the method has fewer than 10 steps (the
      official code's rule).
    - `euler_at_final`: let the last step to the grid's end be of order 1, whatever the number of steps.

    **Raises:** `ValueError` for another `third` or `start`.

    >>> Multistep(third="exact").third
    'exact'
    """

    third: Literal["official", "exact"] = "official"
    start: Literal["lower_order", "singlestep"] = "lower_order"
    lower_order_final: bool = True
    euler_at_final: bool = False

    lower_order_below: ClassVar[int] = 10

    def __check_init__(self):
        check_choice("third", self.third, ("official", "exact"))
        check_choice("start", self.start, ("lower_order", "singlestep"))

    def minimum_evaluations(self, order: int) -> int:
        return order if self.start == "lower_order" else order * (order - 1) + 1 if order > 1 else 1

    def integrate(self, solver: "AbstractExponential", x: Any, evaluate: Tracer, path: Path) -> Any:
        order, expansion = solver.order, solver.expansion
        warm = order - 1 if self.start == "singlestep" else 0
        intervals = path.evaluations - warm * (order - 1)
        nodes = path.nodes(intervals)
        orders = self._orders(order, intervals, path.grid.denoises, solver.steps, warm)
        history: list[Any] = []
        for i, (s, t) in enumerate(itertools.pairwise(nodes)):
            f = expansion.evaluate(evaluate, x, s, orders[i])
            history = [*history, f][-3:]
            if i < warm:
                inner = with_inner(path.process, s, t, INNER_RATIOS[order])
                # Always the midpoint weights: Taylor's would keep one more state beside the history.
                x, _ = singlestep(expansion, order, inner, x, f, True, evaluate)
                continue
            seen = nodes[max(0, i - 2) : i + 1]
            derivatives = backward_differences(seen, t, history, orders[i], 2.0 if self.third == "exact" else 1.0)
            weights = expansion.weights(s, t, solver.stochastic)
            x = advance(weights, x, f, derivatives, solver.midpoint)
            if solver.stochastic:
                x = x + weights.noise * evaluate.draw()
        return x

    def _orders(self, order: int, intervals: int, denoises: int, steps: int, warm: int) -> list[int]:
        orders = [order if i < warm else min(order, i + 1) for i in range(intervals)]
        if self.lower_order_final and steps < self.lower_order_below:
            orders = [min(k, intervals + denoises - i) for i, k in enumerate(orders)]
        if self.euler_at_final:
            orders[-1] = 1
        return orders


class AbstractExponential(AbstractPlanned):
    """An exponential integrator: an expansion, an order and a stepping."""

    order: eqx.AbstractVar[int]
    stepping: eqx.AbstractVar[AbstractStepping]
    solver_type: eqx.AbstractVar[Literal["midpoint", "taylor"]]
    stochastic: eqx.AbstractVar[float]
    expansion: eqx.AbstractClassVar[Expansion]

    @property
    def minimum_steps(self) -> int:
        return self.stepping.minimum_evaluations(self.order) + self.grid.denoises

    @property
    def midpoint(self) -> bool:
        """Whether second-order terms take the cheaper weight of the midpoint rule."""
        return self.solver_type == "midpoint"

    def __check_init__(self):
        if check_integer("order", self.order, minimum=1) > 3:
            raise ValueError(f"order must be 1, 2 or 3, got {self.order}")
        if not isinstance(self.grid, AbstractGrid):
            raise TypeError(f"grid must be a time grid such as LogSNR(), got {type(self.grid).__name__}")
        if not isinstance(self.stepping, AbstractStepping):
            raise TypeError(f"stepping must be Singlestep(), FixedSinglestep() or Multistep(), got {self.stepping!r}")
        check_choice("solver_type", self.solver_type, ("midpoint", "taylor"))
        check_number("stochastic", self.stochastic, minimum=0.0)
        if self.stochastic and not (isinstance(self.stepping, Multistep) and self.stepping.start == "lower_order"):
            raise ValueError(
                'stochastic > 0 needs stepping=Multistep(start="lower_order"): singlestep steps are ODE steps'
            )

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        return self.stepping.integrate(self, x, evaluate, path)
