"""Recorded distillation adaptor (released: layers/backbones/adaptor.py)."""

from collections.abc import Iterator

from torch import Tensor

from labeldistill.distillation.adaptor import DistillAdaptor
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.cases.module_run import compare_module_run
from labeldistill.parity.compare import Comparison


@case("02_distill_adaptor.pt")
def distill_adaptor(golden: GoldenFolder) -> Iterator[Comparison]:
    """Forward and backward in both modes, on the same weights."""
    record = golden.load("02_distill_adaptor.pt")
    for mode in ("eval", "train"):
        adaptor = DistillAdaptor(record["cfg"]["in_features"], record["cfg"]["out_features"])
        adaptor.load_state_dict(record["state_dict"], strict=True)
        inputs = [x.clone().requires_grad_() for x in record["inputs"]]

        def run(adaptor: DistillAdaptor = adaptor, inputs: list[Tensor] = inputs) -> list[Tensor]:
            return adaptor(inputs)  # type: ignore[no-any-return]

        yield from compare_module_run(mode, adaptor, run, record[mode])
        for i, (x, gradient) in enumerate(zip(inputs, record[mode]["grad_inputs"], strict=True)):
            yield compare.gradient(f"{mode} gradient of input {i}", x.grad, gradient)
