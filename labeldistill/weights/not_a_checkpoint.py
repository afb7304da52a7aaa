"""Recognising files that are not checkpoints: a web page, a Git LFS pointer, an empty file."""

import re
from pathlib import Path

from labeldistill.errors import InputError

_HEAD = 1024
_LFS = b"version https://git-lfs.github.com/spec/"
_NAME_HASH = re.compile(r"-([0-9a-f]{8})\.(?:pth|pt|ckpt)$")
"""torchvision and OpenMMLab end a file's name with the first eight digits of its SHA-256."""


def refuse_what_is_none(file: Path) -> None:
    """Refuse a file that is not a checkpoint at all, judging by its first bytes.

    Raises:
        InputError: says what it is and how to get the real file.
    """
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
    if not head:
        raise InputError("is empty: a truncated download", file=file)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")):
        raise InputError(
            "is a web page (HTML), not a checkpoint: the download led to a page that asks for a confirmation or a "
            "login; open the link in a browser and save the file itself",
            file=file,
        )
    if head.startswith(_LFS):
        size = re.search(rb"^size (\d+)", head, re.MULTILINE)
        there = f" of {int(size[1]):,} bytes" if size else ""
        raise InputError(f"is a Git LFS pointer to a file{there}, not the file: run `git lfs pull`", file=file)


def hash_in_name(file: Path) -> str | None:
    """The beginning of the SHA-256 in a file's name; None without one."""
    found = _NAME_HASH.search(file.name)
    return found[1] if found else None


def check_hash_in_name(file: Path, sha256: str) -> None:
    """Refuse a file whose content does not match its name.

    Raises:
        InputError: damaged, incompletely downloaded, or another file with that name.
    """
    claimed = hash_in_name(file)
    if claimed is not None and not sha256.startswith(claimed):
        raise InputError(
            f"its SHA-256 begins with {sha256[:8]}, its name says {claimed}: the download is damaged or this is "
            "another file",
            file=file,
            key="sha256",
        )
