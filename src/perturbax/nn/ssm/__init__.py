"""State-space layers for long sequences: S4, S4D and S5, and where they start from.

`diagonal(legs(N), linalg.diagonalize(...))` makes S4-PTD of `S4D` and S5-PTD of `S5`.
"""

from ._classifier import Block as Block
from ._classifier import SequenceClassifier as SequenceClassifier
from ._discretise import ZOH as ZOH
from ._discretise import AbstractDiscretisation as AbstractDiscretisation
from ._discretise import Bilinear as Bilinear
from ._hippo import StateSpace as StateSpace
from ._hippo import fout as fout
from ._hippo import legs as legs
from ._hippo import legt as legt
from ._layer import AbstractSSM as AbstractSSM
from ._layer import Spectrum as Spectrum
from ._modes import LowRankModes as LowRankModes
from ._modes import Modes as Modes
from ._modes import diagonal as diagonal
from ._modes import dplr as dplr
from ._modes import hinf as hinf
from ._modes import s4d_inv as s4d_inv
from ._modes import s4d_legs as s4d_legs
from ._modes import s4d_lin as s4d_lin
from ._training import frozen_spectrum as frozen_spectrum
from ._training import optimizer as optimizer
from .s4 import S4 as S4
from .s4d import S4D as S4D
from .s5 import S5 as S5

__all__ = [
    "S4",
    "S4D",
    "S5",
    "ZOH",
    "AbstractDiscretisation",
    "AbstractSSM",
    "Bilinear",
    "Block",
    "LowRankModes",
    "Modes",
    "SequenceClassifier",
    "Spectrum",
    "StateSpace",
    "diagonal",
    "dplr",
    "fout",
    "frozen_spectrum",
    "hinf",
    "legs",
    "legt",
    "optimizer",
    "s4d_inv",
    "s4d_legs",
    "s4d_lin",
]
