"""The BEV grid shared by camera and LiDAR."""

from pydantic import model_validator

from labeldistill.config.base import Settings

Axis = tuple[float, float, float]


class GridSettings(Settings):
    """Ego-frame range and cell size. Rows of a BEV map are y, columns are x, as in the released code."""

    x_m: Axis = (-51.2, 51.2, 0.8)
    """Low, high, cell size in metres."""
    y_m: Axis = (-51.2, 51.2, 0.8)
    z_m: Axis = (-5.0, 3.0, 8.0)
    max_decoded_distance_m: float = 61.2
    """Decoded boxes whose centre lies beyond this |x| or |y| are dropped (and those with |z| beyond 10 m)."""

    @property
    def cells_xy(self) -> tuple[int, int]:
        """Number of cells along x and y."""
        nx = round((self.x_m[1] - self.x_m[0]) / self.x_m[2])
        ny = round((self.y_m[1] - self.y_m[0]) / self.y_m[2])
        return nx, ny

    @model_validator(mode="after")
    def _whole_cells(self) -> "GridSettings":
        for name in ("x_m", "y_m", "z_m"):
            low, high, step = getattr(self, name)
            cells = (high - low) / step if step > 0 else -1
            if cells < 1 or abs(cells - round(cells)) > 1e-6:
                raise ValueError(f"`{name}`: {high} - {low} is not a whole number of cells of {step} m")
        if any(n % 8 for n in self.cells_xy):
            raise ValueError(f"x and y need a multiple of 8 cells (the trunk halves three times), got {self.cells_xy}")
        return self
