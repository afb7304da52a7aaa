"""The key of a study's data, cheap enough to compute whenever Snakemake parses its rules."""

from collections.abc import Iterable
from pathlib import Path

from labeldistill.config.data import DataSettings
from labeldistill.errors import InputError
from labeldistill.nuscenes.checksums import Checksums
from labeldistill.nuscenes.fingerprint import SensorFiles
from labeldistill.study.run_key import digest


def world_key(data: DataSettings, synth_code: str) -> str:
    """Hash of a synthetic world's settings and of the code that writes it."""
    if data.synth is None:
        raise ValueError("the data are not a synthetic world")
    return digest({"synth": data.synth.model_dump(mode="json"), "version": data.version, "code": synth_code})


def table_sums(data: DataSettings, dataroot: Path, cache: Path) -> dict[str, str]:
    """SHA-256 of every JSON table of a version.

    Args:
        data: names the version.
        dataroot: the nuScenes folder.
        cache: folder where checksums are remembered by size and modification time.

    Raises:
        InputError: the folder or its version folder does not exist.
    """
    folder = dataroot / data.version
    if not folder.is_dir():
        found = sorted(p.name for p in folder.parent.glob("v*") if p.is_dir()) if folder.parent.is_dir() else []
        hint = f"; versions there: {', '.join(found)}" if found else "; no nuScenes folder there"
        raise InputError(f"no such folder{hint}", file=folder, key="data.dataroot / data.version")
    sums = Checksums(cache)
    found_sums = {file.name: sums.sha256(file) for file in sorted(folder.glob("*.json"))}
    sums.save()
    return found_sums


def sensor_files(
    data: DataSettings, dataroot: Path, tables: dict[str, str], *, memory: Path, table_cache: Path
) -> SensorFiles:
    """The sensor files that a study reads, and what the last look at them found.

    Args:
        data: version, splits and sweeps, which determine the files.
        dataroot: the nuScenes folder.
        tables: SHA-256 of the tables.
        memory: folder that stores the last look; beside the results, which are valid only as long as it exists.
        table_cache: folder of the tables' copies, for the first look.
    """

    def names() -> Iterable[str]:
        from labeldistill.nuscenes.study_files import study_files  # not needed once the files have been seen
        from labeldistill.nuscenes.tables import Tables

        files = study_files(Tables(dataroot, data.version, table_cache), data)
        return [*files.images, *files.clouds]

    chosen = data.model_dump(mode="json", include={"version", "splits", "past_sweeps", "future_sweeps"})
    about = digest({"root": str(dataroot.resolve()), "tables": tables, "chosen": chosen})
    return SensorFiles(dataroot, names, memory / f"sensor-files-{about}.bin")
