"""Keys and paths of a study's data: the nuScenes folder or synthetic world, its check, its columnar index."""

from functools import cached_property
from pathlib import Path

from labeldistill.config.study import StudySettings
from labeldistill.errors import InputError
from labeldistill.files import read_json
from labeldistill.nuscenes.fingerprint import SensorFiles, UnlistedError
from labeldistill.study.code_hash import code_hash
from labeldistill.study.data_key import sensor_files, table_sums, world_key
from labeldistill.study.run_key import digest


class DataPlan:
    """Keys and paths of a study's data under a results folder, known before the data are read."""

    def __init__(self, study: StudySettings, results: Path) -> None:
        self.study = study
        self.results = results

    @cached_property
    def data_key(self) -> str:
        """Hash of the data: the synthetic world's settings and code, or the folder's tables and sensor files.

        Raises:
            InputError: no such folder, a table that can't be read, or sensor files that changed (see `SensorFiles`).
        """
        data = self.study.data
        if data.synth is not None:
            return world_key(data, code_hash("synth"))
        try:
            sensors = self.sensor_files.fingerprint().sha256
        except UnlistedError:  # the data check reports the reason, and nothing is built from such tables
            sensors = None
        return digest({"version": data.version, "tables": self._table_sums, "sensors": sensors})

    @cached_property
    def _table_sums(self) -> dict[str, str]:
        return table_sums(self.study.data, self.dataroot, self.table_cache)

    @cached_property
    def sensor_files(self) -> SensorFiles:
        """The sensor files that the study reads, and what the last look at them found; a synthetic world must exist.

        Raises:
            InputError: no such folder, or a table that can't be read.
        """
        tables, memory = self._table_sums, self.results / "data"
        return sensor_files(self.study.data, self.dataroot, tables, memory=memory, table_cache=self.table_cache)

    @cached_property
    def infos_key(self) -> str:
        """Hash of the columnar index: data, splits, sweeps and the code that builds it.

        Raises:
            InputError: as `data_key`; or files of the synthetic world have changed since its check.
        """
        data = self.study.data.model_dump(mode="json", exclude={"dataroot"})
        key = digest({"data": self.data_key, "settings": data, "code": code_hash("infos")})
        if data["synth"] is not None:
            self._refuse_changed_world(self.results / "data" / f"check-{key}.json")
        return key

    def _refuse_changed_world(self, check: Path) -> None:
        if not check.is_file() or not (self.world / self.study.data.version).is_dir():
            return
        found = read_json(check).get("sensor_files", {}).get("sha256")
        if found != self.sensor_files.fingerprint().sha256:
            raise InputError(
                "files of the synthetic world were changed after its check; delete the folder to have it written again",
                file=self.world,
            )

    @property
    def world(self) -> Path:
        """The folder that `synth` writes (a nuScenes data root)."""
        return self.results / "data" / f"synth-{self.data_key}"

    @property
    def dataroot(self) -> Path:
        """The nuScenes folder that the study reads."""
        return self.world if self.study.data.dataroot is None else Path(self.study.data.dataroot).expanduser()

    @property
    def data_check(self) -> Path:
        """The report of the data check; its presence means that the data are complete."""
        return self.results / "data" / f"check-{self.infos_key}.json"

    @property
    def infos(self) -> Path:
        """Folder of the columnar index and depth maps."""
        return self.results / "data" / f"infos-{self.infos_key}"

    @property
    def infos_index(self) -> Path:
        """The last file of the index; its presence means that the index is complete."""
        return self.infos / "index.json"

    @property
    def cache(self) -> Path:
        """Folder of what is only cached to save time."""
        return self.results.parent / ".cache"

    @property
    def table_cache(self) -> Path:
        """Folder where tables and the ground truth of splits are cached as columns, for every verb that reads them."""
        return self.cache / "tables"
