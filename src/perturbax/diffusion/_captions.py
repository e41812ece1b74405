"""Which captions the images of a pair are denoised under: the routes of DCPO, and the prompt for both.

What makes captions is a function of the user's: a captioner, called as `captioner(images, prompts)`, and a
perturbation, called as `perturbation(captions, key=key)`, such as those of `perturbax.perturb`. Both are called once,
before training.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx

from ._door import check_callable
from ._preference import PreferencePairs


class AbstractCaptions(eqx.Module):
    """What the winner and the loser of each pair are denoised under."""

    @abc.abstractmethod
    def of(self, pairs: PreferencePairs, key: Any) -> tuple[Any, Any]:
        """The captions `z^w` of the winners and `z^l` of the losers."""


class Prompts(AbstractCaptions):
    """The prompt `c` for both images: `z^w = z^l = c`. That is Diffusion-DPO.

    >>> Prompts()
    Prompts()
    """

    def of(self, pairs: PreferencePairs, key: Any) -> tuple[Any, Any]:
        return pairs.prompt, pairs.prompt


class Captioned(AbstractCaptions):
    """A caption of its own for each image: `z^w = Q(x^w)`, `z^l = Q(x^l)`. The route DCPO-c.

    **Arguments:** `captioner`: `captioner(images, prompts) -> captions`; `None` takes the captions of the pairs.

    Source: Saeidi et al. 2025.

    >>> Captioned()
    Captioned()
    """

    captioner: Callable | None = None

    def __check_init__(self):
        if self.captioner is not None:
            check_callable("captioner", self.captioner, "captioner(images, prompts)")

    def of(self, pairs: PreferencePairs, key: Any) -> tuple[Any, Any]:
        return _caption(self, pairs, "winner"), _caption(self, pairs, "loser")


class Perturbed(AbstractCaptions):
    """The prompt, and for the loser a perturbation of it: `z^w = c`, `z^l = f(c)`. The route DCPO-p.

    **Arguments:** `perturbation`: `f`, called as `perturbation(prompts, key=key)`.

    Source: Saeidi et al. 2025.

    >>> from perturbax import perturb
    >>> Perturbed(perturb.WordDrop(0.4)).perturbation.strength
    0.4
    """

    perturbation: Callable

    def __check_init__(self):
        check_callable("perturbation", self.perturbation, "perturbation(captions, key=key)")

    def of(self, pairs: PreferencePairs, key: Any) -> tuple[Any, Any]:
        if pairs.prompt is None:
            raise ValueError("prompt is needed for Perturbed captions, got pairs without prompts")
        return pairs.prompt, self.perturbation(pairs.prompt, key=key)


class Hybrid(AbstractCaptions):
    """The caption of the winner, and a perturbed one of the loser: `z^w = Q(x^w)`, `z^l = f(Q(x^l))`. The route DCPO-h,
    the paper's best.

    **Arguments:** `perturbation`: `f`, called as `perturbation(captions, key=key)`; `captioner`: `captioner(images,
    prompts) -> captions`; `None` takes the captions of the pairs.

    Source: Saeidi et al. 2025.

    >>> from perturbax import perturb
    >>> Hybrid(perturb.WordDrop(0.4)).captioner is None
    True
    """

    perturbation: Callable
    captioner: Callable | None = None

    def __check_init__(self):
        check_callable("perturbation", self.perturbation, "perturbation(captions, key=key)")
        if self.captioner is not None:
            check_callable("captioner", self.captioner, "captioner(images, prompts)")

    def of(self, pairs: PreferencePairs, key: Any) -> tuple[Any, Any]:
        return _caption(self, pairs, "winner"), self.perturbation(_caption(self, pairs, "loser"), key=key)


def _caption(route: Captioned | Hybrid, pairs: PreferencePairs, side: str) -> Any:
    if route.captioner is not None:
        return route.captioner(getattr(pairs, side), pairs.prompt)
    captions = getattr(pairs, f"{side}_caption")
    if captions is None:
        raise ValueError(
            f"{side}_caption is needed for {type(route).__name__} captions: give the pairs captions, or the route a "
            "captioner"
        )
    return captions
