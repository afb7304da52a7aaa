"""BEVDepth's own head: targets and losses on the boxes and predictions of the student head's case."""

from collections.abc import Iterator

from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.cases.centre_head import compare_losses, compare_targets, grid_of, head_settings_of
from labeldistill.parity.compare import Comparison


@case("04_bev_depth_head.pt", "03_kd_head.pt")
def bev_depth_head(golden: GoldenFolder) -> Iterator[Comparison]:
    """Targets and detection loss; forward and decoding are those of 03_kd_head.pt bit for bit and not stored again."""
    data = golden.load("04_bev_depth_head.pt")
    grid, head = grid_of(data["cfg"]), head_settings_of(data["cfg"])
    yield from compare_targets(data, grid, head)
    predictions = golden.load("03_kd_head.pt")["loss"]["preds"]
    yield from compare_losses(data, predictions, grid, head)
