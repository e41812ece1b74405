"""Random changes of attributes, sequences and texts, objects `p(x, key=key)` with a strength; attacks in a box."""

from ._attributes import DropAttributes as DropAttributes
from ._attributes import RedrawAttributes as RedrawAttributes
from ._fourier_mode import FourierMode as FourierMode
from ._gradient_in_ball import gradient_in_ball as gradient_in_ball
from ._perturbation import AbstractPerturbation as AbstractPerturbation
from ._projected_gradient import projected_gradient as projected_gradient
from ._shift import RandomShift as RandomShift
from ._text import AbstractTextPerturbation as AbstractTextPerturbation
from ._text import Paraphrase as Paraphrase
from ._text import Synonyms as Synonyms
from ._text import WordDrop as WordDrop
from ._text import WordSwap as WordSwap

__all__ = [
    "AbstractPerturbation",
    "AbstractTextPerturbation",
    "DropAttributes",
    "FourierMode",
    "Paraphrase",
    "RandomShift",
    "RedrawAttributes",
    "Synonyms",
    "WordDrop",
    "WordSwap",
    "gradient_in_ball",
    "projected_gradient",
]
