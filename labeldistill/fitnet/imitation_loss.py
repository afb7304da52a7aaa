"""Term `imitation`: all BEV features of the student against the teacher's, with equal weights (FitNets, eq. 3)."""

from torch import Tensor

from labeldistill.distillation.feature_losses import feature_distance
from labeldistill.distillation.term_inputs import TermInputs, TermOptions

PAIR = "imitation"
"""Name of the compared features in `TermInputs.pairs`."""


def imitation(inputs: TermInputs, options: TermOptions) -> Tensor:
    """Half the squared error, summed over channels and averaged over all cells; added over the two scales."""
    pair = inputs.pairs[PAIR]
    return feature_distance(pair.adapted, pair.target, None) / 2
