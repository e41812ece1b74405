"""Studies: a published claim as an experiment with baselines, seeds, a bar and a picture."""

from ._study import Bar as Bar
from ._study import Study as Study
from ._study import Trial as Trial

__all__ = ["Bar", "Study", "Trial"]
