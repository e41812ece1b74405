"""The digest of a study's code: it follows imports to the files that matter, and ignores the rest."""

import pytest

from perturbax.studies import code_digest, needed_names

_FILES = {
    "__init__.py": "from ._one import one as one\nfrom ._two import two as two\n",
    "_one.py": "from ._shared import base\n\n\ndef one():\n    return base()\n",
    "_two.py": "def two():\n    return 2\n",
    "_shared.py": "def base():\n    return 1\n",
    "study.py": (
        '"""A study."""\n\nfrom mine import one\n\n\ndef run():\n    """Runs."""\n    return one()  # fast\n\n\n'
        "def judge():\n    return 1\n\n\ndef plot():\n    return 2\n\n\nSTUDY = dict(run=run, judge=judge, plot=plot)\n"
    ),
}


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, text in _FILES.items():
        (folder / name).write_text(text)
    return folder


def _digest(folder, **options):
    return code_digest(folder / "study.py", "mine.study", str(folder.parent), **options)


def _edit(folder, name, old, new):
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


def test_a_reexported_name_leads_to_the_files_behind_it_only(package):
    modules = needed_names(package / "study.py", "mine.study", str(package.parent))
    assert modules == {"mine.study": {"run", "judge", "plot", "STUDY"}, "mine._one": {"one"}, "mine._shared": {"base"}}


@pytest.mark.parametrize(
    "line",
    [
        "import mine\n\nrun = mine.one",
        "import mine as m\n\nrun = m.one()",
        "from mine._one import one",
        "from . import one",
        "from ._one import *",
    ],
)
def test_every_way_to_import_is_followed(package, line):
    (package / "study.py").write_text(f"{line}\n")
    modules = needed_names(package / "study.py", "mine.study", str(package.parent))
    assert {"mine._one", "mine._shared"} <= set(modules)
    assert "mine._two" not in modules


def test_a_package_that_is_passed_around_counts_whole(package):
    (package / "study.py").write_text("import mine\n\nthings = [mine]\n")
    modules = needed_names(package / "study.py", "mine.study", str(package.parent))
    assert {"mine._one", "mine._two", "mine._shared"} <= set(modules)


def test_unrelated_files_comments_and_docstrings_change_nothing(package):
    before = _digest(package)
    _edit(package, "_two.py", "2", "3")
    _edit(package, "study.py", "  # fast", "  # slow\n")
    _edit(package, "study.py", '"""Runs."""', '"""Runs\n    well.\n    """')
    _edit(package, "_one.py", "from", "# why\n\nfrom")
    assert _digest(package) == before


def test_what_functions_say_of_types_changes_nothing_and_their_defaults_do(package):
    plain = "def base(a, *, b=1, c=2):\n    return a\n"
    typed = (
        "def base(a: dict[str, int], *, b: 'é' = 1, c: tuple[\n    int, str\n] = 2) -> tuple[\n    int\n]:  # text\n"
        "    return a\n"
    )
    digests = []
    for text in (plain, typed, typed.replace("= 1", "= 3")):
        (package / "_shared.py").write_text(text.replace("= ", "=").replace(" =", "=").replace("*, ", "*, "))
        digests.append(_digest(package))
    assert digests[0] == digests[1] != digests[2]


def test_of_a_file_only_what_is_needed_counts(package):
    (package / "_shared.py").write_text(
        "import math\n\nLEVEL = math.pi\n\n\ndef base():\n    return LEVEL\n\n\ndef other():\n    return Unused()\n\n\n"
        "class Unused:\n    pass\n"
    )
    before = _digest(package)
    names = needed_names(package / "study.py", "mine.study", str(package.parent))
    assert names["mine._shared"] == {"base", "LEVEL"}
    _edit(package, "_shared.py", "class Unused:\n    pass", "class Unused:\n    level = 2")
    _edit(package, "_shared.py", "import math\n", "import math\nimport random\n")
    assert _digest(package) == before
    _edit(package, "_shared.py", "math.pi", "math.tau")
    assert _digest(package) != before


@pytest.mark.parametrize(
    "line",
    [
        "TABLE['two'] = two",
        "@TABLE.register\ndef rule():\n    return two()",
        "for item in (two,):\n    item()",
        "def __getattr__(name):\n    return two()",
    ],
)
def test_what_acts_by_itself_counts_with_all_that_it_needs(package, line):
    (package / "_shared.py").write_text(
        f"from ._two import two\n\nTABLE = dict()\n\n\ndef base():\n    return 1\n\n\n{line}\n"
    )
    before = _digest(package)
    _edit(package, "_two.py", "2", "3")
    assert _digest(package) != before


@pytest.mark.parametrize("line", ["import numpy as np", "import scipy as np", "from numpy import linalg as np"])
def test_what_a_name_stands_for_counts(package, line):
    (package / "_shared.py").write_text("import math as np\n\n\ndef base():\n    return np.pi\n")
    before = _digest(package)
    _edit(package, "_shared.py", "import math as np", line)
    assert _digest(package) != before


def test_imports_inside_of_functions_and_stars_are_followed(package):
    (package / "_one.py").write_text("def one():\n    from ._shared import base as first\n\n    return first()\n")
    before = _digest(package)
    _edit(package, "_shared.py", "1", "2")
    within = _digest(package)
    assert within != before
    (package / "_one.py").write_text("from ._shared import *\n\n\ndef one():\n    return base()\n")
    before = _digest(package)
    _edit(package, "_shared.py", "2", "3")
    assert _digest(package) != before


def test_a_base_class_counts_behind_a_module_that_hands_it_on(package):
    (package / "_two.py").write_text("from ._shared import Base as Two\n")
    (package / "_shared.py").write_text("class Base:\n    level = 1\n\n\ndef base():\n    return 1\n")
    (package / "_one.py").write_text("from . import _two\n\n\nclass One(_two.Two):\n    pass\n\n\none = One\n")
    before = _digest(package)
    _edit(package, "_shared.py", "return 1", "return 2")
    assert _digest(package) == before
    _edit(package, "_shared.py", "level = 1", "level = 2")
    assert _digest(package) != before


def test_an_edit_behind_an_import_changes_the_digest(package):
    before = _digest(package)
    _edit(package, "_shared.py", "return 1", "return 1.5")
    assert _digest(package) != before


def test_a_new_picture_keeps_the_trials_and_makes_the_record_stale(package):
    whole, trials = _digest(package), _digest(package, trials_only=True)
    _edit(package, "study.py", "return 2", "return 3")
    assert _digest(package) != whole
    assert _digest(package, trials_only=True) == trials


def test_what_only_the_picture_uses_keeps_the_trials(package):
    _edit(package, "study.py", "from mine import one\n", "from mine import one\nfrom mine._two import two\n")
    _edit(
        package,
        "study.py",
        "def plot():\n    return 2",
        "def style():\n    return two()\n\n\ndef plot():\n    return style()",
    )
    whole, trials = _digest(package), _digest(package, trials_only=True)
    _edit(package, "_two.py", "2", "3")
    _edit(package, "study.py", "return two()", "return two() + 1")
    assert _digest(package) != whole
    assert _digest(package, trials_only=True) == trials


def test_a_verdict_that_trials_use_is_part_of_the_trials(package):
    _edit(package, "study.py", "return one()", "return one() + plot()")
    trials = _digest(package, trials_only=True)
    _edit(package, "study.py", "return 2", "return 3")
    assert _digest(package, trials_only=True) != trials


def test_a_file_that_is_no_python_is_told_with_its_line(package):
    (package / "_one.py").write_text("def one(:\n")
    with pytest.raises(ValueError, match=r"_one\.py.*line 1"):
        _digest(package)
