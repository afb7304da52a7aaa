"""Every gate of a study, in order, and what stands in its results of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path

from labeldistill.errors import GateError, InputError
from labeldistill.files import write_json
from labeldistill.preflight import (
    boxes,
    data,
    environment,
    first_steps,
    gradients,
    label_encoder,
    preprocessing,
    recipe,
    start_weights,
    teacher,
)
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Gate, Verdict
from labeldistill.records.waivers import EXTRA

Look = Callable[[Context], Gate]


class Step(StrEnum):
    """When gates are asked."""

    start = "start"
    """Before anything is trained: all of them, with what is there."""
    teachers = "teachers"
    """Before the first student: what can be said of teacher and label encoder."""
    first_student = "first-student"
    """After the first student: its adapted features."""


GATES: dict[str, Look] = {
    environment.NAME: environment.look,
    data.NAME: data.look,
    boxes.NAME: boxes.look,
    preprocessing.NAME: preprocessing.look,
    start_weights.NAME: start_weights.look,
    teacher.NAME: teacher.look,
    label_encoder.NAME: label_encoder.look,
    gradients.NAME: gradients.look,
    recipe.NAME: recipe.look,
    first_steps.NAME: first_steps.look,
}
"""Name -> gate, in order: each may rest on those before it."""

OF_STEP: dict[Step, dict[str, Look]] = {
    Step.start: GATES,
    Step.teachers: {name: GATES[name] for name in (start_weights.NAME, teacher.NAME, label_encoder.NAME)},
    Step.first_student: {gradients.NAME: gradients.look_after_first_student},
}


def run_gates(
    context: Context,
    looks: Mapping[str, Look] = GATES,
    told: Callable[[Gate, float], None] = lambda gate, seconds: None,
) -> list[Gate]:
    """Ask gates, each after the one before.

    Args:
        context: the study.
        looks: name -> gate, in order (see `OF_STEP`).
        told: called with each gate as it is done, and the seconds that it took.

    Returns:
        What each found, in order. A fault of the product itself inside a gate is a FAIL of that gate.
    """
    found = []
    for name, look in looks.items():
        start = time.perf_counter()
        try:
            gate = look(context)
        except Exception as error:  # a planted or real fault may break anything; the gates behind it still speak
            advice = "the gate could not be carried out: a fault in the code or in what it reads"
            gate = Gate(name, Verdict.failed, f"{type(error).__name__}: {str(error)[:300]}", advice)
        found.append(gate)
        told(gate, time.perf_counter() - start)
    return found


def failed(gates: Sequence[Gate]) -> list[str]:
    """Names of the gates that failed."""
    return [gate.gate for gate in gates if gate.verdict is Verdict.failed]


def refuse_unknown(waived: Mapping[str, str]) -> None:
    """Refuse to waive what is no gate, or without a reason.

    Raises:
        InputError: names the gate.
    """
    for name, reason in waived.items():
        if name not in GATES:
            raise InputError(f"no such gate; there are {', '.join(GATES)}", key=f"--waive {name}")
        if not reason.strip():
            raise InputError("a gate is waived for a reason; give it with --reason", key=f"--waive {name}")


def settle(file: Path, step: Step, gates: Sequence[Gate], waived: Mapping[str, str]) -> None:
    """Write what was found, and stop the study where a gate failed that is not waived; then nothing is written.

    Args:
        file: where the workflow looks for it.
        step: which gates.
        gates: what they found.
        waived: gate -> reason.

    Raises:
        GateError: names the gates that failed.
    """
    stopping = [name for name in failed(gates) if name not in waived]
    if stopping:
        raise GateError(
            f"preflight failed: {', '.join(stopping)}; mend what it says, or go on without: "
            f'--waive {stopping[0]} --reason "..."'
        )
    effective = {name: reason for name, reason in waived.items() if name in failed(gates)}
    write_json(file, {"step": step, "gates": [asdict(gate) for gate in gates], EXTRA: effective})
