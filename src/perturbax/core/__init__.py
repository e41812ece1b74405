"""What every package stands on: training, iteration, checks, precision, solutions, cache, methods and papers."""

from ._adam import adam as adam
from ._archive import read_tree as read_tree
from ._archive import write_atomic as write_atomic
from ._archive import write_tree as write_tree
from ._audit import derivative_order as derivative_order
from ._audit import find_floats as find_floats
from ._audit import watched as watched
from ._cache import cache_folder as cache_folder
from ._cache import cache_size as cache_size
from ._cache import cached as cached
from ._cache import clear_cache as clear_cache
from ._cache import enable_compilation_cache as enable_compilation_cache
from ._check import check_array as check_array
from ._check import check_choice as check_choice
from ._check import check_instance as check_instance
from ._check import check_integer as check_integer
from ._check import check_key as check_key
from ._check import check_number as check_number
from ._digest import digest as digest
from ._fit import Fit as Fit
from ._fit import fit as fit
from ._fit import fit_seeds as fit_seeds
from ._iterate import Iteration as Iteration
from ._iterate import iterate as iterate
from ._iterate import settled as settled
from ._jaxpr import Constant as Constant
from ._jaxpr import Equation as Equation
from ._jaxpr import MissingRuleError as MissingRuleError
from ._jaxpr import Program as Program
from ._jaxpr import Rules as Rules
from ._jaxpr import Variable as Variable
from ._jaxpr import flatten as flatten
from ._jaxpr import interpret as interpret
from ._jaxpr import splice as splice
from ._jaxpr import step as step
from ._method import Method as Method
from ._method import Paper as Paper
from ._method import cite as cite
from ._method import registered_methods as registered_methods
from ._precision import float64 as float64
from ._precision import precision as precision
from ._progress import progress as progress
from ._settings import from_settings as from_settings
from ._settings import settings_of as settings_of
from ._settle import cast as cast
from ._settle import settle_arrays as settle_arrays
from ._settle import to_host as to_host
from ._solution import Result as Result
from ._solution import SolverError as SolverError
from ._solution import raise_if_failed as raise_if_failed

__all__ = [
    "Constant",
    "Equation",
    "Fit",
    "Iteration",
    "Method",
    "MissingRuleError",
    "Paper",
    "Program",
    "Result",
    "Rules",
    "SolverError",
    "Variable",
    "adam",
    "cache_folder",
    "cache_size",
    "cached",
    "cast",
    "check_array",
    "check_choice",
    "check_instance",
    "check_integer",
    "check_key",
    "check_number",
    "cite",
    "clear_cache",
    "derivative_order",
    "digest",
    "enable_compilation_cache",
    "find_floats",
    "fit",
    "fit_seeds",
    "flatten",
    "float64",
    "from_settings",
    "interpret",
    "iterate",
    "precision",
    "progress",
    "raise_if_failed",
    "read_tree",
    "registered_methods",
    "settings_of",
    "settle_arrays",
    "settled",
    "splice",
    "step",
    "to_host",
    "watched",
    "write_atomic",
    "write_tree",
]
