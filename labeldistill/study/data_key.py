"""The key of a study's data, cheap enough to be worked out whenever Snakemake parses."""

import hashlib
from pathlib import Path

from labeldistill.config.data import DataSettings
from labeldistill.errors import InputError
from labeldistill.files import read_json, write_json
from labeldistill.study.run_key import digest


def data_key(data: DataSettings, synth_code: str, cache: Path) -> str:
    """Hash of the world's settings and code, or of the tables in the data root.

    Args:
        data: where the key frames come from.
        synth_code: hash of the code that writes the synthetic world.
        cache: folder where table checksums are remembered by size and modification time.

    Raises:
        InputError: the data root or its version folder does not exist.
    """
    if data.synth is not None:
        return digest({"synth": data.synth.model_dump(mode="json"), "version": data.version, "code": synth_code})
    folder = Path(data.dataroot or "").expanduser() / data.version
    if not folder.is_dir():
        found = sorted(p.name for p in folder.parent.glob("v*") if p.is_dir()) if folder.parent.is_dir() else []
        hint = f"; versions there: {', '.join(found)}" if found else "; no nuScenes folder there"
        raise InputError(f"no such folder{hint}", file=folder, key="data.dataroot / data.version")
    return digest({"version": data.version, "tables": _checksums(folder, cache / "table-checksums.json")})


def _checksums(folder: Path, cache: Path) -> dict[str, str]:
    """SHA-256 of every JSON table, from the cache where size and modification time are unchanged."""
    try:
        known: dict[str, list[str]] = read_json(cache) if cache.is_file() else {}
    except InputError:  # a damaged cache is only a cache
        known = {}
    sums: dict[str, str] = {}
    for file in sorted(folder.glob("*.json")):
        stat = file.stat()
        stamp = f"{stat.st_size}:{stat.st_mtime_ns}"
        name = str(file.resolve())
        if known.get(name, ["", ""])[0] != stamp:
            with file.open("rb") as stream:
                known[name] = [stamp, hashlib.file_digest(stream, "sha256").hexdigest()]
        sums[file.name] = known[name][1]
    write_json(cache, known)
    return sums
