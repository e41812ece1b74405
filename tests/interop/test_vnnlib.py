"""VNN-LIB files: what they mean, by evaluating random points both ways, and what is refused, by its line."""

import gzip

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from perturbax import interop

DECLARED = """; a comment with (unbalanced
(declare-const X_0 Real)
(declare-const X_1 Real)
(declare-const Y_0 Real)
(declare-const Y_1 Real)
"""
BOX = """(assert (>= X_0 -1.0)) (assert (<= X_0 1.0)) ; one input a line
(assert (<= -2 X_1)) (assert (<= X_1 0.5e0))
"""


def read(folder, text):
    (folder / "a.vnnlib").write_text(text)
    return interop.read_vnnlib(folder / "a.vnnlib")


class TestMeaning:
    """The box of inputs, and the disjunction of conjunctions."""

    def test_bounds_make_a_box(self, tmp_path):
        prop = read(tmp_path, DECLARED + BOX + "(assert (<= Y_0 Y_1))")
        (region,) = prop.regions
        assert (prop.inputs, prop.outputs) == (2, 2)
        assert region.lower.tolist() == [-1.0, -2.0]
        assert region.upper.tolist() == [1.0, 0.5]
        (alternative,) = region.unsafe
        assert alternative.output_weights.tolist() == [[1.0, -1.0]]
        assert alternative.input_weights.tolist() == [[0.0, 0.0]]
        assert alternative.offsets.tolist() == [0.0]

    def test_alternatives_of_one_box_stay_together_and_boxes_apart(self, tmp_path):
        prop = read(tmp_path, DECLARED + BOX + "(assert (or (<= Y_0 1) (and (>= Y_0 2) (>= Y_1 3))))")
        assert [len(region.unsafe) for region in prop.regions] == [2]
        boxes = "(assert (or (and (<= X_0 0) (<= Y_0 1)) (and (>= X_0 0.5) (<= Y_0 2)) (and (>= X_0 3) (<= Y_0 2))))"
        prop = read(tmp_path, DECLARED + BOX + boxes)
        assert [(r.lower[0], r.upper[0]) for r in prop.regions] == [(-1.0, 0.0), (0.5, 1.0)]  # the third has no point

    def test_a_repeated_bound_only_makes_the_box_smaller(self, tmp_path):
        prop = read(tmp_path, DECLARED + BOX + "(assert (<= X_0 7)) (assert (<= (* 2 X_0) 0.5)) (assert (<= Y_0 0))")
        assert prop.regions[0].upper[0] == 0.25

    def test_arithmetic_is_linear(self, tmp_path):
        text = "(assert (<= (+ (* 2 Y_0) (- X_0) (* Y_1 (/ 1 4))) (- 3 (- Y_1 (/ Y_0 2)))))"
        (alternative,) = read(tmp_path, DECLARED + BOX + text).regions[0].unsafe
        np.testing.assert_array_equal(alternative.output_weights, [[1.5, 1.25]])
        np.testing.assert_array_equal(alternative.input_weights, [[-1.0, 0.0]])
        np.testing.assert_array_equal(alternative.offsets, [3.0])

    def test_an_equation_is_two_inequalities(self, tmp_path):
        prop = read(tmp_path, DECLARED + BOX + "(assert (= X_0 0.25)) (assert (= Y_0 Y_1))")
        assert prop.regions[0].lower[0] == prop.regions[0].upper[0] == 0.25
        assert prop.violated([0.25, 0.0], [1.0, 1.0])
        assert not prop.violated([0.25, 0.0], [1.0, np.nextafter(1.0, 2.0)])

    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_other_spellings_and_gzip(self, tmp_path, suffix):
        text = "(set-logic QF_LRA)\n(declare-fun X_0 () Real) (declare-const Y_0 Real)\n(assert (and (>= X_0 0)\n"
        text += "(<= X_0 1) (>= Y_0 X_0)))\n(check-sat)"
        content = gzip.compress(text.encode()) if suffix else text.encode()
        (tmp_path / f"a.vnnlib{suffix}").write_bytes(content)
        prop = interop.read_vnnlib(tmp_path / f"a.vnnlib{suffix}")
        assert prop.violated(0.5, 0.5)
        assert not prop.violated(0.5, 0.4)
        assert not prop.violated(1.5, 2.0)


def formulas(depth=3):
    """A formula as text, and as a function of the values of the variables."""
    names = st.sampled_from(["X_0", "X_1", "Y_0", "Y_1"])
    atoms = st.builds(
        lambda op, a, factor, b, constant: (
            f"({op} (* {factor} {a}) (+ {b} {constant}))",
            lambda v: factor * v[a] <= v[b] + constant if op == "<=" else factor * v[a] >= v[b] + constant,
        ),
        st.sampled_from(["<=", ">="]),
        names,
        st.sampled_from([-2, -1, 1, 3]),
        names,
        st.integers(-2, 2),
    )

    def combine(parts):
        def joined(word, several):
            meaning = any if word == "or" else all
            return f"({word} {' '.join(s[0] for s in several)})", lambda v: meaning(s[1](v) for s in several)

        return st.builds(joined, st.sampled_from(["or", "and"]), st.lists(parts, min_size=1, max_size=3))

    return st.recursive(atoms, combine, max_leaves=6)


@hypothesis.given(st.lists(formulas(), min_size=1, max_size=2), st.integers(0, 2**31))
def test_a_point_is_a_counterexample_exactly_when_the_formula_says_so(tmp_path_factory, parts, seed):
    text = DECLARED + BOX + "".join(f"(assert {part[0]})\n" for part in parts)
    points = np.random.default_rng(seed).integers(-8, 9, (200, 4)) / 4  # exact in binary, boundaries included
    try:
        prop = read(tmp_path_factory.mktemp("formulas"), text)
    except ValueError as error:
        assert "exclude each other" in str(error)  # noqa: PT017
        prop = None
    for point in points:
        values = dict(zip(["X_0", "X_1", "Y_0", "Y_1"], point, strict=True))
        inside = -1 <= point[0] <= 1 and -2 <= point[1] <= 0.5
        expected = inside and all(part[1](values) for part in parts)
        assert (prop is not None and prop.violated(point[:2], point[2:])) == expected


REFUSED = [
    (DECLARED + "(assert (<= X_0 1)) (assert (>= X_0 0)) (assert (<= X_1 1))", "X_1 has no lower bound"),
    (DECLARED + "(assert (<= Y_0 1))", "X_0 has no lower bound"),
    (DECLARED + BOX + "(assert (>= X_1 0.75))", "the bounds of X_1 exclude each other"),
    (DECLARED + BOX + "(assert (<= Y_0 Y_2))", "line 8: 'Y_2' is neither declared nor a number"),
    (DECLARED + BOX + "(assert (<= Y_0 inf))", "line 8: 'inf' is neither declared nor a number"),
    (DECLARED + BOX + "(assert (<= Y_0 (* Y_0 Y_1)))", r"line 8: '\*' of these terms is not linear"),
    (DECLARED + BOX + "(assert (<= Y_0 (/ Y_0 0)))", "line 8: '/' of these terms is not linear"),
    (DECLARED + BOX + "(assert (<= Y_0 (sin Y_0)))", "line 8: 'sin' of 1 terms is no linear expression"),
    (DECLARED + BOX + "\n(assert (< Y_0 Y_1))", "line 9: '<' is not one of and, or, <=, >=, = of VNN-LIB version 1"),
    (DECLARED + BOX + "(assert (<= Y_0))", "line 8: <= must have 2 arguments, got 1"),
    (DECLARED + BOX + "(assert Y_0)", "line 8: 'Y_0' is not one of and, or"),
    (DECLARED + "(declare-const Z_0 Real)", "line 6: a variable must be X_i or Y_j, got 'Z_0'"),
    (DECLARED + "(declare-const X_2 Int)", "line 6: X_2 must be Real, got 'Int'"),
    (DECLARED + "(declare-const X_3 Real)" + BOX, "line 6: X_3 is declared, but X_2 is not"),
    ("(declare-const X_0 Real)" + BOX.replace("X_1", "X_0") + "(assert (<= X_0 1))", "it declares no Y_0"),
    (DECLARED + "(assert (<= X_0 1)", r"line 6: '\(' is never closed"),
    (DECLARED + "(assert (<= X_0 1)))", r"line 6: '\)' without '\('"),
    ("(vnnlib-version <2.0>)", "line 1: 'vnnlib-version' is no command of VNN-LIB version 1"),
    (DECLARED + BOX + "(assert (or))", "its assertions have no alternative"),
    (
        DECLARED + BOX + "(assert (or (<= Y_0 0) (<= Y_1 0)))" * 17,
        "its disjunctions have 131072 alternatives together, more than 100000",
    ),
    ("", "it declares no X_0"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_is_wrong_is_told_with_its_place(tmp_path, text, said):
    with pytest.raises(ValueError, match=f"a.vnnlib: {said}"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.vnnlib", b"(assert\n\xff)", "line 2: it is no text"),
        ("a.vnnlib.gz", b"(assert)", "it is no intact gzip file"),
        ("a.vnnlib.gz", gzip.compress(b"(declare-const X_0 Real)" * 99, mtime=0)[:40], "it is no intact gzip file"),
    ],
)
def test_damaged_files_are_refused(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=said):
        interop.read_vnnlib(tmp_path / name)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        interop.read_vnnlib(tmp_path / "a.vnnlib")


class TestResults:
    """The files that the competition reads."""

    def test_a_counterexample_is_written_with_all_its_digits(self, tmp_path):
        x, y = np.array([[0.1, 1 / 3]]), np.array([-2e-17])
        interop.write_vnnlib_result(tmp_path / "r.txt", "sat", x, y)
        first, *rest = (tmp_path / "r.txt").read_text().splitlines()
        assert first == "sat"
        values = [float(line.strip(" ()").split()[1]) for line in rest]
        assert values == [0.1, 1 / 3, -2e-17]
        assert [line.strip(" ()").split()[0] for line in rest] == ["X_0", "X_1", "Y_0"]

    @pytest.mark.parametrize("status", ["unsat", "timeout", "unknown"])
    def test_other_results_are_a_word(self, tmp_path, status):
        interop.write_vnnlib_result(tmp_path / "r.txt", status)
        assert (tmp_path / "r.txt").read_text() == status

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("holds",), "status must be"),
            (("sat",), "x and y must be given for status 'sat'"),
            (("unsat", [1.0], [1.0]), "and for no other, got status 'unsat'"),
            (("sat", [np.nan], [1.0]), "x must be finite"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, tmp_path, arguments, said):
        with pytest.raises(ValueError, match=said):
            interop.write_vnnlib_result(tmp_path / "r.txt", *arguments)
