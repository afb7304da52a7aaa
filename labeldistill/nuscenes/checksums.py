"""SHA-256 of files, remembered under (path, size, modification time) so that a large table is hashed once."""

from pathlib import Path

from labeldistill.errors import InputError
from labeldistill.files import file_sha256, read_json, write_json


class Checksums:
    """Computes SHA-256 sums; with a `cache` folder they survive the process (`save`)."""

    def __init__(self, cache: str | Path | None = None) -> None:
        self._file = None if cache is None else Path(cache) / "checksums.json"
        self._known: dict[str, list[int | str]] = self._read()
        self._changed = False

    def _read(self) -> dict[str, list[int | str]]:
        if self._file is None or not self._file.is_file():
            return {}
        try:
            known = read_json(self._file)
        except InputError:  # a damaged cache is simply rebuilt
            return {}
        return known if isinstance(known, dict) else {}

    def sha256(self, path: str | Path) -> str:
        """Hex digest of a file.

        Raises:
            InputError: the file is missing or can't be read.
        """
        path = Path(path)
        try:
            facts = path.stat()
            stamp = [facts.st_size, facts.st_mtime_ns]
            known = self._known.get(str(path.absolute()))
            if known is not None and known[:2] == stamp:
                return str(known[2])
            digest = file_sha256(path)
        except OSError as error:
            raise InputError(f"can't be read: {error.strerror or error}", file=path) from error
        self._known[str(path.absolute())] = [*stamp, digest]
        self._changed = True
        return digest

    def save(self) -> None:
        """Write the sums to the cache folder, if there is one."""
        if self._file is not None and self._changed:
            write_json(self._file, self._known)
            self._changed = False
