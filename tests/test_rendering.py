"""Pictures: what is drawn where, for every environment that can be drawn, through every door."""

from __future__ import annotations

import sys
import time
from types import ModuleType
from typing import Any

import gymnasium
import numpy as np
import pytest
from classic_support import IDS
from parity_support import MARKET, bits

import marl_ffi as mf
from marl_ffi.errors import InvalidInputError
from marl_ffi.rendering import draw, metadata
from marl_ffi.rendering.canvas import BLACK, Canvas, box, rotated

SIZES = dict.fromkeys(IDS, (400, 600, 3)) | dict.fromkeys(("Pendulum-v1", "Acrobot-v1"), (500, 500, 3))
STATES: dict[str, dict[str, float]] = {
    "CartPole-v1": {"x": 0.6, "x_dot": 0.0, "theta": 0.15, "theta_dot": 0.0},
    "MountainCar-v0": {"position": -0.2, "velocity": 0.0},
    "MountainCarContinuous-v0": {"position": -0.2, "velocity": 0.0},
    "Pendulum-v1": {"theta": 2.2, "theta_dot": 0.0},
    "Acrobot-v1": {"theta1": 0.8, "theta2": 1.1, "theta1_dot": 0.0, "theta2_dot": 0.0},
}


def coloured(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Rows and columns (n, 2) of the pixels of exactly that colour; row 0 is on top."""
    return np.argwhere((picture == colour).all(-1))


def test_coverage_of_pixels_is_the_area() -> None:
    """The ink on the paper is the area of the shape, wherever its edges are."""
    for shift in (0.0, 0.25, 0.61):
        for angle in (0.0, 0.3, 2.0):
            canvas = Canvas(100, 80)
            canvas.polygon(rotated(box(-20, -10, 20, 10), angle, (50 + shift, 40 - shift)), BLACK)
            assert (255 - canvas.picture[..., 0].astype(int)).sum() / 255 == pytest.approx(800, rel=0.01)
        canvas = Canvas(100, 80)
        canvas.circle((50 + shift, 40 + shift), 20, BLACK)
        assert (255 - canvas.picture[..., 0].astype(int)).sum() / 255 == pytest.approx(np.pi * 400, rel=0.01)
        canvas = Canvas(100, 80)
        canvas.line((10, 40 + shift), (90, 40 + shift), BLACK)
        assert (255 - canvas.picture[..., 0].astype(int)).sum() / 255 == pytest.approx(80.8, rel=0.03)


def test_the_origin_is_below_and_shapes_may_leave_the_paper() -> None:
    canvas = Canvas(30, 20)
    canvas.polygon([(-50, -50), (5, -50), (5, 5), (-50, 5)], BLACK)
    assert coloured(canvas.picture, BLACK).tolist() == [[row, column] for row in range(15, 20) for column in range(5)]
    before = canvas.picture
    canvas.circle((500, 500), 3, BLACK)
    canvas.circle((float("nan"), 0), 3, BLACK)
    canvas.line((float("inf"), 0), (0, 0), BLACK)
    canvas.line((7, 7), (7, 7), BLACK, 0.0)
    assert bits(canvas.picture[:10]) == bits(before[:10])
    corners = box(3, 3, 9, 9)
    one, other = Canvas(30, 20), Canvas(30, 20)
    one.polygon(corners, BLACK)
    other.polygon(corners[::-1], BLACK)
    assert bits(one.picture) == bits(other.picture)


@pytest.mark.parametrize("env_id", IDS)
def test_every_environment_draws_itself(env_id: str) -> None:
    """Of Gymnasium's size, alike for equal states, another for another state, in less than 3 ms."""
    state = STATES[env_id]
    first = draw(env_id, state)
    assert first.shape == SIZES[env_id] and first.dtype == np.uint8 and first.flags.owndata | first.flags.c_contiguous
    assert bits(draw(env_id, state)) == bits(first)
    position = next(iter(state))
    assert bits(draw(env_id, {**state, position: state[position] + 0.1})) != bits(first)
    assert (first == 255).all(-1).mean() > 0.8  # mostly paper
    times = []
    for _ in range(30):
        start = time.perf_counter()
        draw(env_id, state)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.003


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("value", [1e300, -1e300, 1e9])
def test_a_state_far_away_has_a_picture(env_id: str, value: float) -> None:
    assert draw(env_id, dict.fromkeys(STATES[env_id], value)).shape == SIZES[env_id]


def test_where_things_are() -> None:
    """As in Gymnasium's pictures: the pole leans right for a positive angle, the pendulum turns to the left."""
    cart = draw("CartPole-v1", STATES["CartPole-v1"])
    rows, columns = coloured(cart, BLACK).T
    assert abs(columns[rows == 290].mean() - (0.6 * 125 + 300)) < 1  # the cart, between 285 and 315 from the top
    pole = coloured(cart, (202, 152, 101))
    assert pole[pole[:, 0].argmin(), 1] > pole[pole[:, 0].argmax(), 1]
    assert (cart[299] == 0).all(-1).mean() > 0.98  # the track

    car = draw("MountainCar-v0", {"position": -0.5})
    wheels = coloured(car, (128, 128, 128))
    assert abs(wheels[:, 1].mean() - 0.7 * 600 / 1.8) < 8
    flags = [coloured(draw(each, {"position": -0.5}), (204, 204, 0)) for each in IDS[1:3]]
    assert flags[0][:, 1].min() > flags[1][:, 1].min() > 500

    for theta, (row, column) in {0.0: (136, 250), np.pi / 2: (250, 136), np.pi: (364, 250)}.items():
        pendulum = draw("Pendulum-v1", {"theta": theta})
        assert pendulum[row, column].tolist() == [204, 77, 77], theta
        assert pendulum[250, 250].tolist() == [0, 0, 0]

    arm = draw("Acrobot-v1", {"theta1": np.pi / 2, "theta2": np.pi / 2})  # to the right, then up
    assert arm[250, 300].tolist() == [0, 204, 204] and arm[200, 363].tolist() == [0, 204, 204]
    assert (arm[136] == 0).all(-1).mean() > 0.95  # the height to reach, behind the arm


@pytest.mark.parametrize("env_id", IDS)
def test_single_environments(env_id: str) -> None:
    env = mf.make(env_id, render_mode="rgb_array")
    env.reset(seed=1)
    first = env.render()
    assert bits(first) == bits(draw(env_id, {name: float(x[0]) for name, x in _state(env).items()}))
    for _ in range(5):
        env.step(env.action_space.sample())
    assert bits(env.render()) != bits(first)
    assert env.metadata == metadata(env_id) and env.render_mode == "rgb_array"
    with pytest.warns(UserWarning, match="render_mode"):
        assert mf.make(env_id).render() is None


def _state(env: Any) -> dict[str, np.ndarray]:
    return {name: env._engine.column(name) for name in STATES[env.env_id]}


@pytest.mark.parametrize("env_id", IDS)
def test_vectors(env_id: str) -> None:
    with mf.VecEnv(env_id, 3, render_mode="rgb_array") as env:
        env.reset(seed=1)
        frames = env.render()
        assert isinstance(frames, tuple) and len({bits(frame) for frame in frames}) == 3
    vector = gymnasium.make_vec(f"marl_ffi/{env_id}", 3, render_mode="rgb_array")
    vector.reset(seed=1)
    again = vector.render()
    assert isinstance(again, tuple) and bits(again) == bits(frames)
    assert vector.metadata["render_fps"] == metadata(env_id)["render_fps"]
    with pytest.warns(UserWarning, match="render_mode"):
        assert mf.make_vec(env_id, 2).render() is None
    with pytest.raises(InvalidInputError, match="render_mode='rgb_array'"):
        mf.VecEnv(env_id, 2).render()


def test_what_cannot_be_drawn_says_so() -> None:
    for door in (mf.VecEnv, mf.make_vec):
        with pytest.raises(InvalidInputError, match="render_mode: expected one of None, 'rgb_array', got 'human'"):
            door("CartPole-v1", 2, render_mode="human")
    with pytest.raises(InvalidInputError, match="render_mode"):
        mf.VecEnv(MARKET, 2, render_mode="rgb_array")
    assert metadata(MARKET) == {"render_modes": []}


def test_gymnasiums_wrappers_collect_and_show_the_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    collected = gymnasium.make("marl_ffi/Pendulum-v1", render_mode="rgb_array_list")
    collected.reset(seed=1)
    for _ in range(4):
        collected.step(np.zeros(1, np.float32))
    assert [frame.shape for frame in collected.render()] == [(500, 500, 3)] * 5

    pygame, shown = _screen(monkeypatch)
    with pytest.warns(UserWarning, match="HumanRendering"):
        human = gymnasium.make("marl_ffi/CartPole-v1", render_mode="human")
    human.reset(seed=1)
    human.step(1)
    assert [picture.shape for picture in shown] == [(600, 400, 3)] * 2 and pygame.ticks == [50, 50]


def _screen(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[np.ndarray]]:
    """A graphics library that only remembers what it was to show."""
    pygame: Any = ModuleType("pygame")
    shown: list[np.ndarray] = []
    pygame.ticks = []

    class Display:
        init = staticmethod(lambda: None)
        flip = staticmethod(lambda: None)
        set_caption = staticmethod(lambda text: None)
        quit = staticmethod(lambda: None)

        @staticmethod
        def set_mode(size: Any) -> Any:
            class Window:
                blit = staticmethod(lambda surface, place: shown.append(surface))

            return Window()

    class Clock:
        tick = staticmethod(lambda fps: pygame.ticks.append(fps))

    pygame.display, pygame.init, pygame.quit = Display, lambda: None, lambda: None
    pygame.time = type("time", (), {"Clock": Clock})
    pygame.event = type("event", (), {"pump": staticmethod(lambda: None)})
    pygame.surfarray = type("surfarray", (), {"make_surface": staticmethod(lambda array: array)})
    monkeypatch.setitem(sys.modules, "pygame", pygame)
    return pygame, shown
