"""The loss of one step: the terms that a variant lists, each times its weight (paper 3.5).

A term is a function of (TermInputs, TermOptions) that returns a scalar; `config.terms` says where each lives.
"""

from collections.abc import Mapping

from torch import Tensor

from labeldistill.config.base import load_object
from labeldistill.config.terms import Term, term_spec
from labeldistill.distillation.term_inputs import TermInputs, TermOptions


def detection(inputs: TermInputs, options: TermOptions) -> Tensor:
    """Term `detection`: the centre head's own loss."""
    return options.head.detection_loss(inputs.targets, inputs.predictions, options.head_settings)


def response(inputs: TermInputs, options: TermOptions) -> Tensor:
    """Term `response`: the student's heads against the teacher's."""
    return _detection_and_response(inputs, options)[1]


def _detection_and_response(inputs: TermInputs, options: TermOptions) -> tuple[Tensor, Tensor]:
    assert inputs.teacher is not None, "the term `response` needs the teacher"
    return options.head.response_loss(
        inputs.targets, inputs.predictions, inputs.teacher.predictions, options.head_settings
    )


def weighted_terms(terms: Mapping[Term, float], inputs: TermInputs, options: TermOptions) -> dict[Term, Tensor]:
    """Compute the weighted terms of one step.

    Args:
        terms: name -> weight.
        inputs: what the terms compare.
        options: their settings and switches.

    Returns:
        Each listed term times its weight, a scalar each, in the order listed.
    """
    values: dict[Term, Tensor] = {}
    if {"detection", "response"} <= set(terms):
        # Together, because under the released in-place sigmoid a second loss on the same predictions would apply it
        # twice.
        values["detection"], values["response"] = _detection_and_response(inputs, options)
    for term in terms:
        if term not in values:
            values[term] = load_object(term_spec(term).loss)(inputs, options)
    return {term: weight * values[term] for term, weight in terms.items()}
