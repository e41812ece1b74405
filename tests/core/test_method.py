"""Papers, citations and the registry."""

import dataclasses
from typing import ClassVar

import pytest

from perturbax import core

PAPER = core.Paper("On a Thing", ("Ada Lovelace", "Alan Turing"), 1950, arxiv="1234.56789", venue="NeurIPS", doi="10/x")


class Step(core.Method):
    size: float = 1.0
    papers: ClassVar = (PAPER, dataclasses.replace(PAPER, title="Afterwards", venue=None))


def test_a_citation_has_an_entry_per_paper_for_class_and_object():
    text = core.cite(Step)
    assert core.cite(Step()) == text
    first, second = text.split("\n\n")
    assert first.startswith("@inproceedings{lovelace1950thing,")
    assert second.startswith("@misc{lovelace1950afterwards,")
    for part in ("{On a Thing}", "Ada Lovelace and Alan Turing", "1950", "1234.56789", "NeurIPS", "10/x"):
        assert part in first
    assert first.count("{") == first.count("}")


def test_what_has_no_paper_is_not_cited():
    class Anonymous(core.Method):
        pass

    with pytest.raises(ValueError, match="Anonymous names no paper"):
        core.cite(Anonymous)
    with pytest.raises(TypeError, match="int"):
        core.cite(int)


def test_methods_are_frozen_pytrees():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Step().size = 2.0


def test_the_registry_holds_concrete_exported_methods_only():
    methods = core.registered_methods()
    assert list(methods) == sorted(methods)
    for name, cls in methods.items():
        assert issubclass(cls, core.Method)
        assert name.partition(".")[2] == cls.__name__
        assert not cls.__name__.startswith("Abstract")
