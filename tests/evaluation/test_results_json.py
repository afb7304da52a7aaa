import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generated_split import Size, generate
from hypothesis import given, settings
from hypothesis import strategies as st

from labeldistill.errors import InputError
from labeldistill.evaluation import json_stream
from labeldistill.evaluation.json_stream import JsonStream
from labeldistill.evaluation.prediction_checks import OtherSamplesError, check_samples
from labeldistill.evaluation.results_json import read_results, write_results

META = {"use_lidar": False, "use_camera": True, "use_radar": False, "use_map": False, "use_external": False}


def box(**more: Any) -> dict[str, Any]:
    return {
        "sample_token": "tok1",
        "translation": [1.0, 2.0, 3.0],
        "size": [1.0, 2.0, 3.0],
        "rotation": [1.0, 0.0, 0.0, 0.0],
        "velocity": [0.0, 0.0],
        "detection_name": "car",
        "detection_score": 0.5,
        "attribute_name": "",
        **more,
    }


def write(tmp_path: Path, boxes: Any, **top: Any) -> Path:
    content = {"meta": META, "results": {"tok0": [], "tok1": boxes}, **top}
    file = tmp_path / "results_nusc.json"
    file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return file


BAD_BOXES = {
    "NaN size": (box(size=[1.0, math.nan, 1.0]), "size holds NaN or infinity"),
    "infinite size": (box(size=[1.0, math.inf, 1.0]), "size holds NaN or infinity"),
    "negative size": (box(size=[1.0, -1.0, 1.0]), "not positive"),
    "NaN centre": (box(translation=[math.nan, 0.0, 0.0]), "translation holds NaN"),
    "zero quaternion": (box(rotation=[0.0, 0.0, 0.0, 0.0]), "zero quaternion"),
    "short quaternion": (box(rotation=[1.0, 0.0, 0.0]), "must have 4 numbers"),
    "text as number": (box(translation=["1", "2", "3"]), "must have 3 numbers"),
    "null velocity": (box(velocity=[None, 0.0]), "must have 2 numbers"),
    "unknown class": (box(detection_name="tram"), "'tram'"),
    "unknown attribute": (box(attribute_name="car.flying"), "'car.flying'"),
    "NaN score": (box(detection_score=math.nan), "detection_score"),
    "text score": (box(detection_score="high"), "detection_score"),
    "missing key": ({key: value for key, value in box().items() if key != "detection_name"}, "detection_name"),
    "infinite velocity": (box(velocity=[math.inf, 0.0]), "velocity is infinite"),
    "another sample": (box(sample_token="tok0"), "'tok0'"),
    "no object": (3, "not an object"),
    "unhashable class": (box(detection_name=["car"]), "wrong type"),
}


@pytest.mark.parametrize("name", BAD_BOXES)
def test_a_bad_box_is_named_with_file_and_token(tmp_path: Path, name: str) -> None:
    bad, words = BAD_BOXES[name]
    with pytest.raises(InputError, match=r"results_nusc\.json: tok1: ") as caught:
        read_results(write(tmp_path, [box(), bad]))
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


def test_five_hundred_boxes_are_allowed_and_one_more_is_not(tmp_path: Path) -> None:
    assert len(read_results(write(tmp_path, [box()] * 500))) == 500
    with pytest.raises(InputError, match="tok1: 501 boxes"):
        read_results(write(tmp_path, [box()] * 501))


@pytest.mark.parametrize(
    ("top", "words"),
    [
        ({"results": None}, "results: is missing"),
        ({"meta": None}, "meta: is missing"),
        ({"meta": None, "metta": META}, "meta: is missing"),
        ({"meta": 3}, "meta: expected an object"),
        ({"results": {"tok1": {}}}, "tok1: expected a list"),
        ({"results": []}, "expected an object"),
    ],
)
def test_a_wrong_top_level_is_named(tmp_path: Path, top: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_results(write(tmp_path, [], **top))


def test_a_repeated_sample_is_named_although_json_libraries_hide_it(tmp_path: Path) -> None:
    file = tmp_path / "results_nusc.json"
    file.write_text(f'{{"meta": {json.dumps(META)}, "results": {{"tok1": [], "tok2": [], "tok1": []}}}}')
    with pytest.raises(InputError, match="tok1: duplicate sample"):
        read_results(file)


def test_unknown_and_missing_samples_are_named(tmp_path: Path) -> None:
    file = write(tmp_path, [box()])
    have = read_results(file).tokens
    with pytest.raises(OtherSamplesError, match="tok1: unknown sample"):
        check_samples(have, ["tok0"], file=file)
    with pytest.raises(OtherSamplesError, match="tok2: sample has no entry"):
        check_samples(have, ["tok0", "tok1", "tok2"], file=file)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_named(tmp_path: Path, share: float) -> None:
    file = write(tmp_path, [box()] * 20)
    text = file.read_text()
    file.write_text(text[: int(share * len(text))])
    with pytest.raises(InputError, match=r"results_nusc\.json.*(truncated|file ends)"):
        read_results(file)


@pytest.mark.parametrize("text", ["not json", "[]", '{"meta": {}} {}', '{"meta" {}}', '{"meta": {},}'])
def test_other_text_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "results_nusc.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"results_nusc\.json"):
        read_results(file)


def test_boxes_that_claim_to_have_no_points_are_left_out_like_in_the_devkit(tmp_path: Path) -> None:
    got = read_results(write(tmp_path, [box(num_pts=0), box(num_pts=-1), box()]))
    assert len(got) == 2
    assert got.metadata == {"left_out_num_pts_zero": 1}


def test_a_wrong_key_at_the_end_of_a_long_file_is_found_and_nothing_is_returned(tmp_path: Path) -> None:
    predictions, _ = generate(Size(samples=40, scenes=4, boxes_per_sample=100))
    file = tmp_path / "results_nusc.json"
    write_results(predictions, file)
    text = file.read_text()
    at = text.rindex('"detection_score"')
    file.write_text(text[:at] + '"detection_skore"' + text[at + len('"detection_score"') :])
    with pytest.raises(InputError, match=f"{predictions.tokens[-1]}: a box has no key 'detection_score'"):
        read_results(file)


def test_round_trip_keeps_every_bit(tmp_path: Path) -> None:
    before, _ = generate(Size(samples=30, scenes=3, boxes_per_sample=20))
    write_results(before, tmp_path / "p.json")
    after = read_results(tmp_path / "p.json")
    assert after.tokens == before.tokens
    for name in ("sample", "translation", "size", "rotation", "velocity", "label", "score", "attribute"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5), st.integers(1, 40), st.booleans(), st.booleans())
def test_any_cutting_into_pieces_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, value: dict[str, Any], piece: int, indented: bool, ascii_only: bool
) -> None:
    file = tmp_path_factory.mktemp("stream") / "v.json"
    file.write_text(json.dumps(value, indent=2 if indented else None, ensure_ascii=ascii_only), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_PIECE_CHARACTERS", piece)
        stream = JsonStream(file)
        got = {key: stream.value(inside=key) for key in stream.members()}
        stream.end()
    assert got == value


def test_other_keys_at_the_top_are_left_alone_as_the_devkit_does(tmp_path: Path) -> None:
    assert len(read_results(write(tmp_path, [box()], version="detr3d", config={"a": [1, {"b": None}]}))) == 1


def test_a_byte_order_mark_is_called_by_its_name(tmp_path: Path) -> None:
    file = write(tmp_path, [box()])
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    with pytest.raises(InputError, match="byte order mark"):
        read_results(file)


@pytest.mark.parametrize("text", ['{"results": ' + "[" * 100_000, '{"meta": ' + "9" * 5_000 + "}"])
def test_what_no_json_reader_can_take_is_one_message(tmp_path: Path, text: str) -> None:
    file = tmp_path / "results_nusc.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"results_nusc\.json"):
        read_results(file)
