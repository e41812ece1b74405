"""What evolution does to programs: normal form, mutations, and the arrays of a population.

Programs here are plain tuples `(code, constants, output)` of lists, with operands as in `Program`.

    insert      a new operation is spliced into an edge; its other operand is a random value before it or a new constant
    remove      an operation is replaced by one of its operands
    rewire      an operand becomes another value or a new constant
    randomise   an operation becomes another one, or a constant a new one

Real et al. 2023, arXiv 2312.08472, draw them with weights; new constants have a random sign and a log-uniform
magnitude.
"""

import math
from typing import Any, NamedTuple

import numpy as np

Code = list[tuple[int, int, int]]


class Genome(NamedTuple):
    """A program in the form that mutations work on."""

    code: Code
    constants: list[float]
    output: int


def empty(constant: float | None) -> Genome:
    """A program without operations: a constant, or `x` itself."""
    return Genome([], [] if constant is None else [constant], 0 if constant is None else 1)


def normal_form(code: Code, constants: list[float], output: int) -> Genome:
    """The same function without operations that nothing depends on, and with operations on constants carried out."""
    K = len(constants)
    known: dict[int, float] = {1 + i: value for i, value in enumerate(constants)}
    for i, (operation, left, right) in enumerate(code):
        if left in known and right in known:
            a, b = known[left], known[right]
            quotient = a / b if b != 0.0 else math.inf
            known[K + 1 + i] = (a + b, a - b, a * b, quotient)[operation]
    needed, waiting = set(), [output]
    while waiting:
        operand = waiting.pop()
        if operand not in needed:
            needed.add(operand)
            if operand > K and operand not in known:
                waiting.extend(code[operand - K - 1][1:])
    ordered = sorted(needed)
    kept = [operand for operand in ordered if operand in known]
    place = {0: 0} | {operand: 1 + i for i, operand in enumerate(kept)}
    new_code: Code = []
    for operand in ordered:
        if operand > K and operand not in known:
            operation, left, right = code[operand - K - 1]
            new_code.append((operation, place[left], place[right]))
            place[operand] = len(kept) + len(new_code)
    return Genome(new_code, [known[operand] for operand in kept], place[output])


def structure(genome: Genome) -> tuple[Any, ...]:
    """What two programs share that differ in their constants only; sums and products do not know an order."""
    code = tuple((o, min(a, b), max(a, b)) if o in (0, 2) else (o, a, b) for o, a, b in genome.code)
    return code, len(genome.constants), genome.output


def new_constant(random: np.random.Generator, exponents: tuple[float, float]) -> float:
    """A random sign and a log-uniform magnitude."""
    return float(random.choice((-1.0, 1.0)) * 10.0 ** random.uniform(*exponents))


def mutate(
    genome: Genome,
    random: np.random.Generator,
    operations: tuple[int, ...],
    weights: tuple[float, ...],
    exponents: tuple[float, float],
) -> Genome:
    """One mutation, in normal form."""
    code, constants, output = list(genome.code), list(genome.constants), genome.output
    kind = random.choice(4, p=np.asarray(weights) / sum(weights)) if code else 0
    if kind == 0:
        return _insert(code, constants, output, random, operations, exponents)
    i = int(random.integers(len(code)))
    operation, *operands = code[i]
    me = len(constants) + 1 + i
    if kind == 1:
        other = operands[random.integers(2)]
        code = [(o, other if a == me else a, other if b == me else b) for o, a, b in code]
        output = other if output == me else output
    elif kind == 2:
        side = int(random.integers(2))
        if random.random() < 0.3:
            code, output = _with_constant(code, constants, output, new_constant(random, exponents))
            operation, *operands = code[i]
            operands[side] = len(constants)
        else:
            operands[side] = int(random.integers(me))
        code[i] = (operation, operands[0], operands[1])
    elif constants and random.random() < 0.5:
        constants[random.integers(len(constants))] = new_constant(random, exponents)
    else:
        code[i] = (int(random.choice(operations)), operands[0], operands[1])
    return normal_form(code, constants, output)


def _with_constant(code: Code, constants: list[float], output: int, value: float) -> tuple[Code, int]:
    """The program with one more constant, which is appended in place."""
    K = len(constants)
    constants.append(value)

    def moved(operand: int) -> int:
        return operand + (operand > K)

    return [(o, moved(a), moved(b)) for o, a, b in code], moved(output)


def _insert(
    code: Code,
    constants: list[float],
    output: int,
    random: np.random.Generator,
    operations: tuple[int, ...],
    exponents: tuple[float, float],
) -> Genome:
    # The edge to the output as often as those within, or programs would rarely grow at their end.
    at_end = not code or random.random() < 0.25
    where, side = (len(code), 0) if at_end else (int(random.integers(len(code))), int(random.integers(2)))
    if random.random() < 0.5:
        code, output = _with_constant(code, constants, output, new_constant(random, exponents))
        other = len(constants)
    else:
        other = int(random.integers(len(constants) + 1 + where))
    source = output if at_end else code[where][1 + side]
    left, right = (source, other) if random.random() < 0.5 else (other, source)
    me = len(constants) + 1 + where

    def moved(operand: int) -> int:
        return operand + (operand >= me)

    after = [[o, moved(a), moved(b)] for o, a, b in code[where:]]
    if not at_end:
        after[0][1 + side] = me
    new = (int(random.choice(operations)), left, right)
    code = [*code[:where], new, *((o, a, b) for o, a, b in after)]
    return normal_form(code, constants, me if at_end else moved(output))


def packed(genomes: list[Genome], slots: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arrays of equal shapes for the interpreter: code `(P, slots, 3)`, outputs `(P,)` and constants `(P, size)`."""
    code = np.zeros((len(genomes), slots, 3), np.int32)
    output, constants = np.zeros(len(genomes), np.int32), np.ones((len(genomes), size))
    for row, genome in enumerate(genomes):
        K = len(genome.constants)
        constants[row, :K] = genome.constants
        if genome.code:
            shifted = np.array(genome.code, np.int32)
            shifted[:, 1:] += (size - K) * (shifted[:, 1:] > K)
            code[row, : len(shifted)] = shifted
        output[row] = genome.output + (size - K) * (genome.output > K)
    return code, output, constants
