"""The registry of loss terms: what each term needs, and where its function lives.

To add a term, write its function (see `distillation.terms`) and add a line to `TERMS`; nothing else asks for a name.
Modules named in LABELDISTILL_PLUGINS (comma-separated) are imported first and may call `register_term`.
"""

import importlib
import os
from collections.abc import Iterable
from dataclasses import dataclass

from labeldistill.errors import InputError

Term = str
"""Name of a registered loss term."""

LABELDISTILL = "labeldistill"
"""The method that a study trains by default."""


@dataclass(frozen=True)
class TermSpec:
    """One loss term.

    Attributes:
        name: what variants call it.
        loss: `module:function`; takes (TermInputs, TermOptions) and returns a scalar, not yet weighted.
        teacher: it compares with the LiDAR teacher's output, so training reads points and a teacher's weights.
        label_encoder: it compares with the label encoder's features.
        lidar_depth: it reads the depth maps made from LiDAR.
        group: the channel group of the student whose adapted features it compares (paper 3.3); None: no group.
        methods: the methods whose variants may list it.
    """

    name: Term
    loss: str
    teacher: bool = False
    label_encoder: bool = False
    lidar_depth: bool = False
    group: str | None = None
    methods: tuple[str, ...] = (LABELDISTILL,)

    @property
    def module(self) -> str:
        """Name of the module that the function lives in."""
        return self.loss.partition(":")[0]


_TERMS = "labeldistill.distillation.terms"
_EVERY_METHOD = (LABELDISTILL, "bevdepth", "fitnet")

TERMS: dict[Term, TermSpec] = {
    spec.name: spec
    for spec in (
        TermSpec("detection", f"{_TERMS}:detection", methods=_EVERY_METHOD),
        TermSpec("depth", "labeldistill.distillation.depth_loss:depth", lidar_depth=True, methods=_EVERY_METHOD),
        TermSpec(
            "lidar_feature", "labeldistill.distillation.feature_losses:lidar_feature", teacher=True, group="lidar"
        ),
        TermSpec(
            "label_feature", "labeldistill.distillation.feature_losses:label_feature", label_encoder=True, group="label"
        ),
        TermSpec("response", f"{_TERMS}:response", teacher=True),
        TermSpec("imitation", "labeldistill.fitnet.imitation_loss:imitation", teacher=True, methods=("fitnet",)),
    )
}
"""Name -> term, including those that plugins have registered."""


def register_term(spec: TermSpec) -> None:
    """Add a term of a plugin.

    Raises:
        ValueError: another term has this name.
    """
    if TERMS.setdefault(spec.name, spec) != spec:
        raise ValueError(f"there is another term `{spec.name}` already")


def registered() -> dict[Term, TermSpec]:
    """Every term, including those of plugins.

    Raises:
        InputError: a plugin can't be imported.
    """
    for plugin in filter(None, os.environ.get("LABELDISTILL_PLUGINS", "").split(",")):
        try:
            importlib.import_module(plugin.strip())
        except Exception as error:  # a plugin's own code may raise anything
            raise InputError(f"can't be imported ({error})", key=f"LABELDISTILL_PLUGINS: {plugin}") from error
    return TERMS


def term_spec(name: Term) -> TermSpec:
    """The term called `name`.

    Raises:
        InputError: no such term, or a plugin that can't be imported.
    """
    if name not in registered():
        raise InputError(f"no such loss term; known: {', '.join(TERMS)}", key=f"terms.{name}")
    return TERMS[name]


@dataclass(frozen=True)
class Needs:
    """What a set of terms needs besides the student.

    Attributes:
        teacher: some term compares with the LiDAR teacher.
        label_encoder: some term compares with the label encoder.
        lidar_depth: some term reads depth maps made from LiDAR.
        groups: channel groups that are compared, in the order of their terms.
    """

    teacher: bool
    label_encoder: bool
    lidar_depth: bool
    groups: tuple[str, ...]


def needs_of(terms: Iterable[Term]) -> Needs:
    """What these terms need taken together.

    Raises:
        InputError: no such term.
    """
    specs = [term_spec(name) for name in terms]
    return Needs(
        teacher=any(spec.teacher for spec in specs),
        label_encoder=any(spec.label_encoder for spec in specs),
        lidar_depth=any(spec.lidar_depth for spec in specs),
        groups=tuple(spec.group for spec in specs if spec.group is not None),
    )
