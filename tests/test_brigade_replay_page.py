"""The page of a replay, in a real browser without a window: it is opened at a night, and what it then shows is read.

`make browser-test` runs these. The browser is the one that MARL_FFI_BROWSER names, or any Chromium or Chrome on PATH.
"""

from __future__ import annotations

import html.parser
import itertools
import re

import numpy as np
import pytest
from browser_support import run

from marl_ffi.bucket_brigade import Replay, scenario

TEAM = ["firefighter", "free_rider", "hero", "liar"]


class Shown(html.parser.HTMLParser):
    """What a page shows: elements with their attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict, list[str]]] = []
        self._open: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))
        if tag not in ("meta", "link", "input"):
            self._open.append(len(self.elements) - 1)

    def handle_endtag(self, tag):
        while self._open and self.elements[self._open.pop()][0] != tag:
            pass

    def handle_data(self, data):
        for k in self._open:
            self.elements[k][2].append(data)

    def with_attribute(self, name):
        return [attributes for _, attributes, _ in self.elements if name in attributes]

    def text(self, identity):
        return next("".join(text) for _, attributes, text in self.elements if attributes.get("id") == identity)


@pytest.fixture(scope="module")
def replay():
    # a game with fires, losses and savings
    chosen = scenario("deceptive_calm", min_nights=30, termination="no_fire", max_nights=60)
    return Replay.play(chosen, TEAM, seed=0)


@pytest.fixture(scope="module")
def page(replay, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "game.html"
    replay.save(path)
    return path.as_uri()


def test_the_page_is_complete_in_itself(replay):
    text = replay.html()
    assert not re.search(r"\{\{\w+\}\}", text)
    # namespaces are names, not addresses
    addresses = set(re.findall(r"https?://[^\"'` )]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"(src|href)=[\"'](?!data:)", text)


def test_nothing_in_a_replay_ends_its_script():
    nasty = "</script><script>alert(1)</script>"
    replay = Replay.play("easy", ["hero"], seed=1)
    told = Replay.from_dict({**replay.to_dict(), "agents": [nasty]})
    text = told.html()
    assert nasty not in text and text.count("</script>") == 2


@pytest.mark.browser
@pytest.mark.parametrize("night", [0, 1, 5, 15, 31])
def test_the_page_shows_the_night_it_is_asked_for(page, replay, night):
    shown = Shown(run(f"{page}#night={night}", "--dump-dom"))
    body = next(attributes for tag, attributes, _ in shown.elements if tag == "body")
    assert body["data-night"] == str(night)
    states = {int(each["data-house"]): each["data-state"] for each in shown.with_attribute("data-house")}
    names = ("safe", "burning", "ruined")
    assert states == {h: names[state] for h, state in enumerate(replay.houses[night])}
    lies = {int(each["data-agent"]): each["data-lies"] for each in shown.with_attribute("data-agent")}
    if night == 0:
        assert lies == {}
        return
    assert lies == {i: str(bool(lie)).lower() for i, lie in enumerate(replay.lies[night - 1])}
    before, after = replay.houses[night - 1], replay.houses[night]
    # a house that burns again was saved in between
    changes = int(np.sum((before != after) | (after == 1)))
    assert len(shown.with_attribute("data-outcome")) == changes
    table = shown.text("agents")
    for reward, total in zip(replay.rewards[night - 1], replay.rewards[:night].sum(axis=0)):
        assert f"{reward:+.1f}".replace("-", "\u2212") in table and f"{total:.1f}" in table


@pytest.mark.browser
@pytest.mark.parametrize(("asked", "shown"), [("99", "31"), ("-3", "0"), ("x", "0"), ("2.7", "2")])
def test_a_night_that_is_not_there_is_the_nearest(page, asked, shown):
    assert f'data-night="{shown}"' in run(f"{page}#night={asked}", "--dump-dom")


@pytest.mark.browser
@pytest.mark.parametrize(
    ("houses", "agents", "changes"),
    [(2, 1, {}), (255, 255, {"max_nights": 3}), (3, 40, {}), (10, 4, {"commitment_mode": "two_phase"})],
)
def test_the_page_shows_towns_of_any_size(tmp_path, houses, agents, changes):
    replay = Replay.play(scenario("hard", num_houses=houses, **changes), ["hero"] * agents, seed=1)
    replay.save(tmp_path / "game.html")
    shown = Shown(run(f"{(tmp_path / 'game.html').as_uri()}#night=2", "--dump-dom"))
    assert len(shown.with_attribute("data-house")) == houses
    assert len(shown.with_attribute("data-agent")) == agents
    assert ("first said" in shown.text("agents")) == ("commitment_mode" in changes)


@pytest.mark.browser
@pytest.mark.parametrize("continuous", [False, True])
def test_a_house_that_burns_again_was_saved(tmp_path, continuous):
    # house 0 burns on both evenings: saved and lit again, or, where fires are put out bit by bit, burning on
    mode = {"extinguish_mode": "continuous", "suppression_per_worker": 0.2} if continuous else {}
    chosen = scenario("default", num_agents=1, prob_house_catches_fire=0.9, **mode)
    values = Replay.from_actions(chosen, [[[0, 1, 1]]], 0).to_dict()
    for night in values["nights"]:
        night["houses"][:] = [1] + [0] * 9
    values["nights"][1]["rewards"] = [0.0]
    Replay.from_dict(values).save(tmp_path / "game.html")
    shown = Shown(run(f"{(tmp_path / 'game.html').as_uri()}#night=1", "--dump-dom"))
    assert [each["data-outcome"] for each in shown.with_attribute("data-outcome")] == ([] if continuous else ["relit"])
    said = "A quiet night." if continuous else "House 0 was saved and caught fire again."
    assert said in shown.text("news")


@pytest.mark.browser
def test_agents_at_one_house_do_not_hide_each_other(tmp_path):
    """Their places are as far apart as what is drawn there is wide or high."""
    for house in range(3):  # the ring is the same all around
        actions = [[[house, 1, 0]] * 3 + [[(house + 5) % 10, 0, 1]]]
        Replay.from_actions(scenario("easy"), actions, 0).save(tmp_path / "game.html")
        shown = Shown(run(f"{(tmp_path / 'game.html').as_uri()}#night=1", "--dump-dom"))
        places = [re.findall(r"-?[0-9.]+", each["transform"]) for each in shown.with_attribute("data-agent")]
        assert len(places) == 4
        for (x, y, scale), (u, v, _) in itertools.combinations([tuple(map(float, place)) for place in places], 2):
            assert abs(x - u) >= 54 * scale or abs(y - v) >= 48 * scale, (house, places)


@pytest.mark.browser
def test_the_page_can_be_played_and_scrubbed(page, tmp_path):
    """Keys, buttons, slider, charts: a script drives them and writes down which night is shown."""
    drive = """
    const seen = [];
    const note = () => seen.push(Number(document.body.dataset.night));
    const key = (name) => {
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
      note();
    };
    const at = (id, share) => {
      const chart = document.getElementById(id), box = chart.getBoundingClientRect();
      const place = { clientX: box.left + share * box.width, clientY: box.top + 5, pointerId: 1 };
      chart.dispatchEvent(new PointerEvent("pointerdown", place));
      note();
    };
    SVGElement.prototype.setPointerCapture = () => {};  // made-up pointers cannot be captured
    addEventListener("load", () => {
      ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home"].forEach(key);
      for (const id of ["next", "next", "back", "last", "first"]) { document.getElementById(id).click(); note(); }
      const scrub = document.getElementById("scrub");
      scrub.value = 7;
      scrub.dispatchEvent(new Event("input"));
      note();
      at("scores", 1);
      at("weeks", 0);
      document.getElementById("speed").value = "20";
      key(" ");
      setTimeout(() => { note(); key(" "); document.body.dataset.seen = seen.join(" "); }, 1000);
    });
    """
    path = tmp_path / "driven.html"
    with open(page.removeprefix("file://"), encoding="utf-8") as file:
        text = file.read()
    path.write_text(text.replace("<script>", f"<script>{drive}</script><script>", 1), encoding="utf-8")
    dom = run(path.as_uri(), "--dump-dom", "--virtual-time-budget=3000")
    seen = [int(k) for k in re.search(r'data-seen="([^"]*)"', dom).group(1).split()]
    assert seen[:6] == [1, 2, 1, 31, 31, 0]
    assert seen[6:11] == [1, 2, 1, 31, 0]
    assert seen[11:14] == [7, 31, 0]
    assert seen[14] == 0 and seen[15] > 10, "the game did not play"


@pytest.mark.browser
@pytest.mark.parametrize(("theme", "bright"), [("light", True), ("dark", False)])
@pytest.mark.parametrize("size", ["1280,900", "500,1400"])
def test_the_page_paints(page, tmp_path, theme, bright, size):
    """A screenshot is not empty, has the brightness of its theme, and fire in it where something burns."""
    from PIL import Image

    run(f"{page}#night=15&theme={theme}", f"--window-size={size}", f"--screenshot={tmp_path / 'page.png'}")
    pixels = np.asarray(Image.open(tmp_path / "page.png").convert("RGB")).astype(int)
    assert (np.median(pixels) > 128) == bright
    red, green, blue = (pixels[:, :, k] for k in range(3))
    assert np.sum((red > 200) & (green > 60) & (green < 140) & (blue < 90)) > 500
