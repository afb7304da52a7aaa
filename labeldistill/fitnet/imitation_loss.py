"""Term `imitation`: all BEV features of the student against the teacher's, with equal weights (FitNets, eq. 3)."""

from torch import Tensor

from labeldistill.distillation.feature_losses import feature_distance
from labeldistill.distillation.term_inputs import TermInputs, TermOptions

PAIR = "imitation"
"""Name of the compared features in `TermInputs.pairs`."""


def imitation(inputs: TermInputs, options: TermOptions) -> Tensor:
    """Half the squared error, summed over channels and averaged over all cells; added over the two scales.

    Args:
        inputs: has the pair `imitation`: the student's features after the regressors [B, C_i, h_i, w_i], and the
            teacher's.
        options: not used by this term.

    Returns:
        A scalar. Source: Romero et al. 2015, equation 3, whose hint and guided layers are here the two scales of the
        BEV backbone; averaged instead of summed over cells, so that the weight does not depend on the grid.
    """
    pair = inputs.pairs[PAIR]
    return feature_distance(pair.adapted, pair.target, None) / 2
