"""Sensors of one key frame belong together: taken at its time, each its own file, from a vehicle that does not jump."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labeldistill.errors import InputError
from labeldistill.geometry.frames import Array
from labeldistill.nuscenes.columns import Integers
from labeldistill.nuscenes.tables import Tables

APART_S = 0.25
"""Most that a sensor's time may differ from its key frame's: half the interval of key frames."""
FASTEST_M_S = 60.0
STILL_M = 2.0
"""What localisation may jump by between two poses, however close in time."""


def check_times(tables: Tables, data: Any, wanted_us: Integers) -> None:
    """Refuse a key frame's image or cloud that was taken at another time.

    Args:
        tables: for the message.
        data: rows of sample_data.
        wanted_us: [n] times of their key frames.

    Raises:
        InputError: names the file's token and how far its time is off.
    """
    apart = (data["timestamp"].to_numpy() - wanted_us) * 1e-6
    if len(apart) and (worst := int(np.argmax(np.abs(apart)))) >= 0 and abs(apart[worst]) > APART_S:
        message = f"`{data['token'][worst].as_py()}` was taken {apart[worst]:+.2f} s from its key frame's time"
        raise InputError(message, file=tables.file("sample_data"), key="timestamp")


def check_files(tables: Tables, data: Any) -> None:
    """Refuse a file that is the key-frame image or cloud of two rows.

    Raises:
        InputError: names the file.
    """
    names = data["filename"]
    if pc.count_distinct(names).as_py() == len(names):
        return
    counts = pc.value_counts(names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names)
    twice = pc.filter(counts, pc.greater(pc.struct_field(counts, [1]), 1))[0].as_py()
    message = f"{twice['values']} is the key-frame file of {twice['counts']} rows"
    raise InputError(message, file=tables.file("sample_data"), key="filename")


def check_motion(tables: Tables, tokens: Any, times_us: Integers, places: Array, first: Integers) -> None:
    """Refuse a vehicle that moves faster than any car between two clouds or images of one key frame.

    Args:
        tables: for the message.
        tokens: [n] of rows of sample_data.
        times_us: [n] their times.
        places: [n, 3] of the vehicle, metres in the global frame.
        first: [n] row of the key frame's own cloud or first image, which the others are held against.

    Raises:
        InputError: names the token and the distance.
    """
    moved = np.linalg.norm(places - places[first], axis=1)
    allowed = STILL_M + FASTEST_M_S * 1e-6 * np.abs(times_us - times_us[first])
    if (moved > allowed).any():
        row = int(np.argmax(moved - allowed))
        seconds = abs(int(times_us[row] - times_us[first[row]])) * 1e-6
        message = f"`{tokens[row].as_py()}`: the vehicle is {moved[row]:,.0f} m away {seconds:.2f} s from its key frame"
        raise InputError(message, file=tables.file("ego_pose"), key="translation")
