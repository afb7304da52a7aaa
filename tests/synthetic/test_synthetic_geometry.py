"""Rays, windows, motion and shapes of the synthetic world against brute force and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeldistill.config.data import SynthSettings
from labeldistill.geometry.classes import CLASSES
from labeldistill.synthetic import objects
from labeldistill.synthetic.bodies import Body, assemble
from labeldistill.synthetic.camera import directions, fine_intrinsics, place, take_picture
from labeldistill.synthetic.facts import FACTS
from labeldistill.synthetic.layout import draw_scene
from labeldistill.synthetic.lidar import beam_directions, elevations, sweep
from labeldistill.synthetic.motion import Motion, Road
from labeldistill.synthetic.parts import SHADOW, block
from labeldistill.synthetic.rig import calibrated_rig, rotation_z
from labeldistill.synthetic.seeds import generator
from labeldistill.synthetic.trace import Hits, trace_body, views
from labeldistill.synthetic.windows import Fan, camera_windows, lidar_windows

SETTINGS = SynthSettings(image_size_px=(32, 88), objects_per_scene=(20, 24), lidar_azimuths=180)
RIG = calibrated_rig(SETTINGS, generator(0, "rig", "n008"))
SCENE = draw_scene(SETTINGS, "train", 3)
FLOAT = st.floats(-3, 3)


@given(FLOAT, FLOAT, FLOAT, st.floats(0, 12), st.floats(-0.5, 0.5), st.floats(-2, 2))
def test_motion_is_the_integral_of_its_velocity(
    x: float, y: float, yaw: float, v: float, rate: float, t: float
) -> None:
    motion = Motion(x, y, yaw, v, rate, time_s=0.3)
    steps = np.linspace(0.3, t, 4001)
    headings = yaw + rate * (steps - 0.3)
    expected = [x + np.trapz(v * np.cos(headings), steps), y + np.trapz(v * np.sin(headings), steps)]
    np.testing.assert_allclose(motion.at(t), [*expected, yaw + rate * (t - 0.3)], atol=1e-4)


@given(st.floats(-0.04, 0.04), st.floats(-10, 30), st.floats(-14, 14))
def test_road_coordinates_invert_the_road(curvature: float, s: float, n: float) -> None:
    road = Road(curvature)
    x, y, _ = road.pose(s, n)
    back = road.coordinates(np.array([x], np.float32), np.array([y], np.float32))
    np.testing.assert_allclose([back[0][0], back[1][0]], [s, n], atol=2e-2)


def test_lane_motion_stays_in_its_lane() -> None:
    road = Road(0.03)
    for backwards in (False, True):
        path = road.lane_motion(4.0, -3.5, 6.0, 0.0, backwards).at(np.linspace(0, 2, 9))
        _, n = road.coordinates(path[:, 0].astype(np.float32), path[:, 1].astype(np.float32))
        np.testing.assert_allclose(n, -3.5, atol=1e-3)


def test_a_cuboid_is_hit_where_the_slab_test_says() -> None:
    rng = np.random.default_rng(1)
    low, high = np.array([-2.0, -1.0, 0.0]), np.array([2.0, 1.0, 1.5])
    bodies = assemble([Body((block((-2, 2), (-1, 1), (0, 1.5), (1, 1, 1)),), Motion(6.0, 1.0, 0.7))])
    origin = np.array([0.5, -0.3, 1.8])
    rays = rng.normal(size=(3, 40, 50)).astype(np.float32)
    rays[0] = np.abs(rays[0]) + 1
    hits = Hits.empty(40, 50, 1)
    view = views(bodies.poses(0.0), np.eye(3), origin)[0]
    trace_body(hits, bodies, 0, view, rays, (slice(0, 40), slice(0, 50)), shadows=True)
    turn = rotation_z(0.7)
    local_origin = turn.T @ (origin - [6.0, 1.0, 0.0])
    local = np.einsum("ji,jhw->ihw", turn, rays.astype(float))
    first, second = ((side[:, None, None] - local_origin[:, None, None]) / local for side in (low, high))
    enter, leave = np.minimum(first, second).max(0), np.maximum(first, second).min(0)
    expected = np.where((enter < leave) & (enter > 0), enter, np.inf)
    clear = np.abs(leave - enter) > 1e-4  # rays along an edge may go either way
    np.testing.assert_allclose(hits.depth[clear], expected[clear], rtol=1e-4)
    assert 50 < np.isfinite(expected).sum() == hits.total[0]


def test_windows_cut_nothing_off() -> None:
    """Tracing inside windows gives what tracing every body with every ray gives: cameras and LiDAR."""
    poses = SCENE.bodies.poses(0.4)
    ego = SCENE.ego.at(0.4)
    whole_grid, bounds = len(poses), (SCENE.bodies.body_low, SCENE.bodies.body_high)
    for sensor in RIG:
        at = place(sensor, ego)
        if sensor.is_camera:
            k = fine_intrinsics(sensor, 1)
            rays = directions(k, 32, 88)
            found = camera_windows(bounds, poses, (at.rotation, at.origin), k, (32, 88))
        else:
            rays = beam_directions(32, 180, 0.01)
            yaw = float(np.arctan2(at.rotation[1, 0], at.rotation[0, 0]))
            fan = Fan(yaw, elevations(32), 180, 0.01)
            found = lidar_windows(bounds, poses, at.origin, fan, 1e3)
        seen = views(poses, at.rotation, at.origin)
        some, everything = (Hits.empty(*rays.shape[1:], whole_grid) for _ in range(2))
        for body, window in found:
            trace_body(some, SCENE.bodies, body, seen[body], rays, window, shadows=False)
        for body in range(whole_grid):
            full = (slice(0, rays.shape[1]), slice(0, rays.shape[2]))
            trace_body(everything, SCENE.bodies, body, seen[body], rays, full, shadows=False)
        np.testing.assert_array_equal(some.part, everything.part)
        np.testing.assert_array_equal(some.depth, everything.depth)
        np.testing.assert_array_equal(some.total, everything.total)
        assert np.isfinite(some.depth).any()


def test_lidar_points_fall_on_the_pixels_of_their_object() -> None:
    """LiDAR and cameras at one instant see the same surfaces: depth buffer and object agree at projected points."""
    still = draw_scene(SynthSettings(image_size_px=(64, 176), difficulty=0.0, objects_per_scene=(20, 24)), "train", 1)
    fine = SynthSettings(image_size_px=(64, 176), difficulty=0.0)
    rig = calibrated_rig(fine, generator(0, "rig", "n008"))
    lidar = place(rig[-1], still.ego.at(0.0))
    points = sweep(fine, still, rig[-1], 0.0, generator("points"))[:, :3] @ lidar.rotation.T + lidar.origin
    points = points[points[:, 2] > 0.25]
    agree = total = 0
    for sensor in rig[:-1]:
        picture = take_picture(fine, still, sensor, 0.0, generator("pixels"))
        camera = place(sensor, still.ego.at(0.0))
        x, y, z = ((points - camera.origin) @ camera.rotation).T
        k = sensor.intrinsics
        assert k is not None
        front = z > 1.0
        u = np.rint(k[0, 0] * x[front] / z[front] + k[0, 2]).astype(int)
        v = np.rint(k[1, 1] * y[front] / z[front] + k[1, 2]).astype(int)
        inside = (u >= 1) & (u < 175) & (v >= 1) & (v < 63)
        u, v, depth = u[inside], v[inside], z[front][inside]
        near = np.stack([picture.depth[v + dv, u + du] for dv in (-1, 0, 1) for du in (-1, 0, 1)])
        agree += int((np.abs(near - depth).min(0) < 0.3).sum())
        total += len(depth)
    assert total > 300
    assert agree / total > 0.95  # the rest: the LiDAR looks past edges that hide things from a camera


def test_visible_is_what_nothing_hides() -> None:
    """Alone in the world every object shows all its rays; a wall before it takes them."""
    car = objects.make("car", Motion(12, 0, 0), FACTS["car"].size_m, "vehicle.parked", 0.0, generator("car"))
    wall = Body((block((-0.2, 0.2), (-6, 6), (0, 6), (1, 1, 1)),), Motion(6.0, 0.0, 0.0))
    for bodies, hidden in (([car.body], False), ([car.body, wall], True)):
        scene = type(SCENE)(**{**vars(SCENE), "bodies": assemble(bodies), "things": (car,)})
        front = next(sensor for sensor in RIG if sensor.channel == "CAM_FRONT")
        picture = take_picture(SETTINGS, scene, front, 0.0, generator("x"))
        assert picture.total[0] > 50
        assert picture.visible[0] == (0 if hidden else picture.total[0])


@pytest.mark.parametrize("name", CLASSES)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_shapes_stay_inside_their_box(name: str, seed: int) -> None:
    rng = generator("shape", seed)
    size = objects.draw_size(name, rng)
    attribute = objects.attribute_of(name, bool(seed % 2), rng, in_lane=False)
    thing = objects.make(name, Motion(0, 0, 0), size, attribute, 0.5, rng)
    for part in thing.body.parts:
        if part.surface == SHADOW:
            continue
        low, high = part.bounds()
        assert (high > low).all()
        assert (np.abs([low[0], high[0]]) <= size[1] / 2).all()
        assert (np.abs([low[1], high[1]]) <= size[0] / 2).all()
        assert low[2] >= 0
        assert high[2] <= size[2] + 1e-6


@pytest.mark.parametrize("name", ["car", "truck", "construction_vehicle", "bus", "trailer", "motorcycle", "pedestrian"])
def test_fronts_differ_from_backs(name: str) -> None:
    """Seen from ahead and from behind at the same distance an object differs in image and in depth."""
    pictures = []
    front = next(sensor for sensor in RIG if sensor.channel == "CAM_FRONT")
    for yaw in (0.0, np.pi):
        thing = objects.make(name, Motion(11, 0, yaw), FACTS[name].size_m, "", 0.0, generator("same"))
        scene = type(SCENE)(**{**vars(SCENE), "bodies": assemble([thing.body]), "things": (thing,)})
        pictures.append(take_picture(SETTINGS, scene, front, 0.0, generator("y")))
    both = (pictures[0].body == 0) & (pictures[1].body == 0)
    colour = np.abs(pictures[0].pixels[both].astype(int) - pictures[1].pixels[both]).mean()
    depth = np.abs(pictures[0].depth[both] - pictures[1].depth[both]).mean()
    assert colour > 5
    assert depth > 0.05
