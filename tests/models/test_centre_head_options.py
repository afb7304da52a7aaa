"""Each switch of a run sets exactly its own option."""

import dataclasses

import pytest

from labeldistill.config.study import RunSettings
from labeldistill.models.centre_head.options import HeadOptions

SWITCH_OF_RULE = {
    "truncate_centres": "centre_truncation",
    "old_radius": "gaussian_radius",
    "inplace_sigmoid": "inplace_sigmoid",
    "mask_nan": "nan_targets",
    "gated_target": "response_target",
    "squared_distance": "nms_distance",
}


def run(**switches: str) -> RunSettings:
    return RunSettings.model_construct(stage="student", switches=switches)


def test_the_released_switches_give_the_defaults():
    assert HeadOptions.from_run(run(**dict.fromkeys(SWITCH_OF_RULE.values(), "released"))) == HeadOptions()


def test_switches_that_do_not_act_on_the_stage_are_released():
    assert HeadOptions.from_run(run()) == HeadOptions()


@pytest.mark.parametrize(("rule", "switch"), SWITCH_OF_RULE.items())
def test_one_corrected_switch_turns_one_rule(rule, switch):
    changed = dataclasses.asdict(HeadOptions.from_run(run(**{switch: "corrected"})))
    before = dataclasses.asdict(HeadOptions())
    assert {name for name in before if before[name] != changed[name]} == {rule}
