"""Studies: a published claim as an experiment with baselines, seeds, a bar and a picture."""

from ._backend import BACKENDS as BACKENDS
from ._backend import WorkerDied as WorkerDied
from ._code import code_digest as code_digest
from ._code import needed_names as needed_names
from ._recorded import draw as draw
from ._recorded import record_study as record_study
from ._recorded import recorded as recorded
from ._recorded import recorded_picture as recorded_picture
from ._recorded import summarize as summarize
from ._recorded import system_status as system_status
from ._run import Failure as Failure
from ._run import StudyRun as StudyRun
from ._run import finished_run as finished_run
from ._run import run_study as run_study
from ._store import Store as Store
from ._store import StoreError as StoreError
from ._store import default_store as default_store
from ._study import PRESETS as PRESETS
from ._study import Bar as Bar
from ._study import Study as Study
from ._study import Trial as Trial
from ._systems import StudySource as StudySource
from ._systems import System as System
from ._systems import find_study as find_study
from ._systems import systems as systems

__all__ = [
    "BACKENDS",
    "PRESETS",
    "Bar",
    "Failure",
    "Store",
    "StoreError",
    "Study",
    "StudyRun",
    "StudySource",
    "System",
    "Trial",
    "WorkerDied",
    "code_digest",
    "default_store",
    "draw",
    "find_study",
    "finished_run",
    "needed_names",
    "record_study",
    "recorded",
    "recorded_picture",
    "run_study",
    "summarize",
    "system_status",
    "systems",
]
