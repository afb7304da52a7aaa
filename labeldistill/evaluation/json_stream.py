"""Reading JSON text in pieces: members of nested objects one at a time, each value decoded whole."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labeldistill.errors import InputError

_PIECE_CHARACTERS = 1 << 22
_NEAR_THE_END = 1 << 12
"""A decoding error farther than this from the end of a piece is an error in the text, not caused by the cut."""
_NUMBER_MAY_GO_ON = 3
"""`1` is complete if other characters follow, but `1e+` may be cut short."""
_SPACE = " \t\r\n"
BYTE_ORDER_MARK = "\ufeff"


class JsonStream:
    """Iterates over the objects of a JSON file without loading it.

    Raises (every method):
        InputError: no such file, invalid or truncated JSON; names the file and, where known, the last token read.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._text, self._at, self._ended = path, "", 0, False
        try:
            self._stream = path.open(encoding="utf-8")
        except OSError as error:
            raise InputError("no such file" if not path.exists() else str(error.strerror), file=path) from error
        self._decode = json.JSONDecoder().raw_decode

    def members(self) -> Iterator[str]:
        """Yield the keys of the object that starts here; the caller must read each value before the next key."""
        self._expect("{", "an object")
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            key = self.value(inside=None)
            if not isinstance(key, str):
                raise self._broken("expected a key", None)
            self._expect(":", "`:`", key)
            yield key
            if self._peek() == "}":
                self._at += 1
                return
            self._expect(",", "`,` or `}`", key)

    def value(self, *, inside: str | None) -> Any:
        """The whole value that starts here; `inside` is the key that it belongs to, for messages."""
        self._peek()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                cut = len(self._text) - error.pos < _NEAR_THE_END or error.msg.startswith("Unterminated")
                if self._ended or not cut:
                    raise self._broken(f"not valid JSON ({error.msg})", inside) from error
            except (RecursionError, ValueError) as error:  # nesting too deep, or a number of thousands of digits
                raise self._broken(f"not JSON that can be read ({error})", inside) from error
            else:
                if end + _NUMBER_MAY_GO_ON < len(self._text) or self._ended:
                    self._at = end
                    return value
            self._more()

    def end(self) -> None:
        """Check that only white space follows.

        Raises:
            InputError: something else follows.
        """
        if self._peek() != "":
            raise self._broken("more text after the end of the object", None)
        self._stream.close()

    def _peek(self) -> str:
        """The next character that is not white space; '' at the end of the file."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if self._ended:
                return ""
            self._more()

    def _expect(self, character: str, what: str, inside: str | None = None) -> None:
        found = self._peek()
        if found == BYTE_ORDER_MARK:
            message = "starts with a byte order mark, which the devkit can't read either; save it as plain UTF-8"
            raise self._broken(message, None)
        if found != character:
            raise self._broken(f"expected {what}" + ("" if found else ", but the file ends (truncated?)"), inside)
        self._at += 1

    def _more(self) -> None:
        try:
            piece = self._stream.read(_PIECE_CHARACTERS)
        except (UnicodeDecodeError, OSError) as error:
            raise InputError(f"can't be read as UTF-8 text ({error})", file=self._path) from error
        self._ended = not piece
        self._text, self._at = self._text[self._at :] + piece, 0

    def _broken(self, message: str, inside: str | None) -> InputError:
        self._stream.close()
        return InputError(message + (", the file is truncated" if self._ended else ""), file=self._path, key=inside)
