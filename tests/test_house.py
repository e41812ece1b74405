"""The rules of the house that `lint-imports` cannot say: what an `__init__` holds, and that methods stay apart."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

import perturbax
from perturbax import core

ROOT = Path(perturbax.__file__).parent
PACKAGES = sorted(module.name for module in pkgutil.iter_modules([str(ROOT)]) if module.ispkg)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_holds_its_public_names_and_nothing_else(name):
    path = ROOT / name / "__init__.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    allowed = (ast.Expr, ast.ImportFrom, ast.Assign)
    assert ast.get_docstring(tree)
    assert [ast.unparse(node) for node in tree.body if not isinstance(node, allowed)] == []
    imported = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == set(importlib.import_module(f"perturbax.{name}").__all__)


def test_a_method_imports_no_sibling_method():
    graph = grimp.build_graph("perturbax")
    for package in sorted({name.split(".")[0] for name in core.registered_methods()} - {"core"}):
        methods = {cls.__module__ for key, cls in core.registered_methods().items() if key.startswith(f"{package}.")}
        for module in methods:
            siblings = graph.find_modules_directly_imported_by(module) & methods
            assert not siblings, f"{module} imports {siblings}: what two methods share moves down into the package"


def test_importing_perturbax_loads_nothing_heavy():
    code = "import sys, perturbax; print([m for m in ('jax', 'numpy', 'pandas', 'matplotlib') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
