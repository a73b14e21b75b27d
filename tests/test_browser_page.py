"""The page in examples/browser, driven as a visitor does: it shows what the native library computes, and tells errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from brigade_support import record
from browser_support import CHECKSUM, PAGE, Server, run, serving

import marl_ffi as mf
from marl_ffi.bucket_brigade import ARCHETYPES, SCENARIOS, Replay, run_heuristic_episodes, scenario

TEAM = ["firefighter", "free_rider", "hero", "liar"]
READY = 'await until(() => document.body.dataset.state === "ready"); const { page } = await import("/app.js");'


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_the_form_offers_what_the_package_has() -> None:
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    offered = re.findall(r"<option(?: selected)?>(\w+)</option>", text)
    assert offered == list(SCENARIOS)
    script = (PAGE / "brigade_page.js").read_text(encoding="utf-8")
    found = re.search(r"const ARCHETYPES = \[(.*?)\]", script)
    assert found is not None and re.findall(r'"(\w+)"', found.group(1)) == list(ARCHETYPES)


def test_nothing_is_asked_of_other_hosts() -> None:
    for path in [*PAGE.rglob("*.js"), *PAGE.rglob("*.html"), *PAGE.rglob("*.css")]:
        addresses = set(re.findall(r"https?://[^\"'` ;,)]+", path.read_text(encoding="utf-8")))
        assert addresses <= {"http://www.w3.org/2000/svg", "http://localhost:8000"}, path


@pytest.mark.browser
def test_games_are_those_of_the_native_library(server: Server) -> None:
    """Scenario, team, seed and decisions are chosen in the form; states, actions and rewards are equal, byte for byte."""
    wanted = [
        ("hard", TEAM, 7, "independent"),
        ("hard", TEAM, 2**64 - 1, "independent"),
        ("default_continuous", ["hero"] * 4, 3, "original"),
        ("rest_trap", ["liar", "coordinator"], 0, "independent"),
        ("deceptive_calm", [*TEAM, *TEAM, "hero", "hero"], 12345678901234567890, "original"),
    ]
    forms = [[name, team, str(seed), decisions] for name, team, seed, decisions in wanted]
    told = server.visit("/", f"""{READY}
      const games = [];
      for (const [scenario, team, seed, decisions] of {forms}) {{
        change("scenario", scenario);
        change("decisions", decisions);
        change("seats", team.length);
        byId("team").querySelectorAll("select").forEach((seat, i) => change(seat, team[i]));
        change("seed", seed);
        const {{ houses, actions, rewards, nights }} = page.brigade.game;
        press("End");
        const states = Array.from(document.querySelectorAll("[data-house]"), (house) => house.dataset.state);
        const totals = byId("agents").textContent;
        games.push({{ houses, actions, rewards, nights, states, totals, about: byId("about").textContent }});
      }}
      return games;
    """)  # fmt: skip
    for (name, team, seed, decisions), got in zip(wanted, told):
        game = scenario(name).for_agents(len(team))
        houses, actions, rewards, over = record(game, team, seed, decisions=decisions)
        assert over and got["nights"] == len(rewards) > 5
        assert got["houses"].tobytes() == houses.tobytes() and got["actions"].tobytes() == actions.tobytes()
        assert got["rewards"].dtype == np.float32 and got["rewards"].tobytes() == rewards.tobytes()
        replay = Replay.play(game, team, seed, decisions=decisions)
        assert np.array_equal(houses, replay.houses) and np.array_equal(rewards, replay.rewards)
        # and this is what is seen on the last morning
        assert got["states"] == [("safe", "burning", "ruined")[state] for state in replay.houses[-1]]
        assert f"{len(team)} agents" in got["about"] and f"seed {seed}" in got["about"]
        for total in replay.scores:
            assert f"{total:.1f}" in got["totals"]


@pytest.mark.browser
def test_payoffs_of_many_games(server: Server) -> None:
    told = server.visit("/#scenario=hard&team=hero,liar,free_rider&seed=100&decisions=original", f"""{READY}
      change("games", "1000");
      byId("run").click();
      await until(() => page.brigade.payoffs?.isComplete);
      const {{ scores, nights }} = page.brigade.payoffs;
      const rows = Array.from(byId("payoff-table").rows, (row) => Array.from(row.cells, (cell) => cell.textContent));
      const bars = byId("histogram").querySelectorAll("rect title");
      const counted = Array.from(bars, (bar) => Number(/: (\\d+) games/.exec(bar.textContent)[1]));
      return {{ scores, nights, rows, counted, done: byId("done").textContent, hash: location.hash }};
    """)  # fmt: skip
    params = np.array([ARCHETYPES[name] for name in ("hero", "liar", "free_rider")])
    game = scenario("hard").for_agents(3)
    scores, nights = run_heuristic_episodes(game, params, np.arange(100, 1100, dtype=np.uint64), decisions="original")
    assert told["scores"].tobytes() == scores.tobytes() and told["nights"].tobytes() == nights.tobytes()
    shown = [[float(cell.replace("\u2212", "-")) for cell in row[1:]] for row in told["rows"][1:]]
    exact = scores.astype(np.float64)
    expected = [exact.mean(0), exact.std(0, ddof=1) / np.sqrt(1000), exact.min(0), exact.max(0)]
    # one decimal above a thousand, else two
    assert np.all(np.abs(np.array(shown) - np.stack(expected, axis=1)) <= [0.051, 0.0051, 0.051, 0.051])
    assert sum(told["counted"]) == 3 * 1000
    assert told["done"] == f"1,000 games of {nights.mean():.1f} nights on average."
    assert "games=1000" in told["hash"]


@pytest.mark.browser
def test_the_page_goes_on_while_games_are_played(server: Server) -> None:
    """A hundred thousand games: results come bit by bit, the replay can be stepped, and a click stops them."""
    told = server.visit("/#seed=1", f"""{READY}
      change("games", "100000");
      byId("run").click();
      const seen = new Set();
      await until(() => seen.add(page.brigade.payoffs.done) && seen.size > 3 && !byId("payoff-table").hidden);
      press("ArrowRight");
      press("ArrowRight");
      const night = document.body.dataset.night;
      const label = byId("run").textContent;
      byId("run").click();
      const {{ done, scores }} = page.brigade.payoffs;
      await sleep(500);
      const after = page.brigade.payoffs.done;
      return {{ night, label, done, after, shown: byId("done").textContent, first: scores.slice(0, 400) }};
    """)  # fmt: skip
    assert told["night"] == "2" and told["label"] == "Stop"
    assert 0 < told["done"] == told["after"] < 100_000
    assert told["shown"].startswith(f"{told['done']:,} games")
    params = np.array([ARCHETYPES[name] for name in TEAM])
    expected, _ = run_heuristic_episodes("hard", params, np.arange(1, 101, dtype=np.uint64), decisions="independent")
    assert told["first"].tobytes() == expected.tobytes()


@pytest.mark.browser
def test_a_saved_replay_is_read_by_python(server: Server) -> None:
    seed = 2**63 + 11
    text = server.visit(f"/#seed={seed}&scenario=hard", f"""{READY}
      let saved = null;
      URL.createObjectURL = (blob) => ((saved = blob), "data:,");
      HTMLAnchorElement.prototype.click = () => {{}};
      byId("save").click();
      return saved.text();
    """)  # fmt: skip
    replay = Replay.from_json(text)
    assert replay == Replay.play("hard", TEAM, seed)
    assert replay.verify().from_seed


@pytest.mark.browser
def test_the_market_clears_on_every_move(server: Server) -> None:
    moves = [("demand", 90), ("bid-0", 38.5), ("capacity-3", 0), ("bid-4", 0), ("demand", 180), ("capacity-1", 11.5)]
    told = server.visit("/#tab=market", f"""{READY}
      const states = [];
      for (const [id, value] of {[list(move) for move in moves]}) {{
        change(id, value);
        const {{ market, price, demand }} = page.market;
        states.push({{
          price: Float64Array.of(price), cleared: market.cleared.slice(), rewards: market.rewards.slice(), demand,
          text: byId("cleared").textContent, spoken: byId(id).getAttribute("aria-valuetext"),
          drawn: byId("merit-order").querySelectorAll("[data-generator]").length, hidden: byId("brigade").hidden,
        }});
      }}
      byId("reset-market").click();
      states.push(byId("cleared").textContent);
      return states;
    """)  # fmt: skip
    params = mf.spec("ElectricityMarket-v0")["config"]["params"]
    market = mf.Market(5)
    market.bids[:], market.quantities[:], market.costs[:] = params["costs"], params["capacities"], params["costs"]
    demand = max(params["demand_profile"])
    for (what, value), got in zip(moves, told):
        kind, _, index = what.partition("-")
        if kind == "demand":
            demand = float(value)
        else:
            {"bid": market.bids, "capacity": market.quantities}[kind][int(index)] = value
        price = market.step(demand)
        assert got["price"].tobytes() == np.float64(price).tobytes()
        assert got["cleared"].tobytes() == market.q_cleared.tobytes()
        assert got["rewards"].tobytes() == market.rewards.tobytes()
        assert f"{price:.2f} $/MWh" in got["text"] and got["drawn"] == 10 and got["hidden"]
        missing = demand - market.q_cleared.sum()
        assert ("is not served" in got["text"]) == (missing > 1e-6)
        assert got["spoken"].startswith(f"{value:.1f}")
    assert told[-1] == "The price is 40.00 $/MWh."


@pytest.mark.browser
def test_the_page_prints_the_checksum(server: Server) -> None:
    told = server.visit("/", f"""{READY} byId("checksum").click(); return byId("checksum-lines").textContent; """)
    assert told.splitlines() == CHECKSUM


@pytest.mark.browser
def test_a_wrong_seed_is_told_and_changes_nothing(server: Server) -> None:
    told = server.visit("/#seed=5", f"""{READY}
      const about = () => byId("about").textContent;
      const before = about();
      return ["12x", "", "-3", "1.5", "18446744073709551616", "18446744073709551615"].map((text) => {{
        change("seed", text);
        const error = byId("seed-error");
        return [error.textContent, byId("seed").getAttribute("aria-invalid"), error.hidden, about() === before];
      }});
    """)  # fmt: skip
    for message, invalid, hidden, kept in told[:-1]:
        assert message.startswith("seed: expected a whole number from 0 to 18446744073709551615, got")
        assert (invalid, hidden, kept) == ("true", False, True)
    assert told[-1] == ["", "false", True, False]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("asked", "message"),
    [("seed=seven&games=100", 'got "seven"'), ("scenario=v2_minimal&team=hero,liar", "4"), ("seed=&night=x", "got nothing")],
)
def test_an_address_that_asks_for_what_cannot_be(server: Server, asked: str, message: str) -> None:
    told = server.visit(f"/#{asked}", f"""{READY}
      press("ArrowRight");
      return [byId("seed-error").textContent, byId("about").textContent, document.body.dataset.night];
    """)  # fmt: skip
    assert message in told[0] and told[1].startswith("default · 4 agents") and told[2] == "1"


@pytest.mark.browser
def test_an_address_with_nonsense_in_it_is_read_as_far_as_it_goes(server: Server) -> None:
    address = "/#scenario=harder&team=hero,nobody,liar&decisions=none&night=99999&theme=pink&tab=x&seed=%2012"
    told = server.visit(address, f"""{READY}
      return [byId("about").textContent, document.body.dataset.night, page.brigade.game.agents, byId("brigade").hidden];
    """)  # fmt: skip
    nights = Replay.play("hard", ["hero", "liar"], 12).num_nights
    assert told == [f"hard · 2 agents · 10 houses · {nights} nights · seed 12", str(nights), ["hero", "liar"], False]


@pytest.mark.browser
def test_a_scenario_that_is_not_for_so_many(server: Server) -> None:
    told = server.visit("/#scenario=v2_minimal", f"""{READY}
      const fine = byId("seed-error").hidden;
      change("seats", "3");
      return [fine, byId("seed-error").textContent, byId("about").textContent];
    """)  # fmt: skip
    assert told[0] and "4" in told[1] and "4 agents" in told[2]


@pytest.mark.browser
def test_keys_and_names_for_everybody(server: Server) -> None:
    """Keys step the game, but not where they are typed; every control has a name, and the focus is seen."""
    told = server.visit("/#seed=5", f"""{READY}
      const night = () => Number(document.body.dataset.night);
      const keys = ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "Home"];
      const nights = keys.map((key) => (press(key), night()));
      press("ArrowRight");
      for (const id of ["seed", "scenario"]) for (const key of ["ArrowRight", "End", " "]) press(key, byId(id));
      const typed = night();
      const theme = document.documentElement.dataset.theme;
      press("d");
      const themes = [theme, document.documentElement.dataset.theme];
      const said = (each) => each?.textContent.trim();
      const nameOf = (control) => control.getAttribute("aria-label") || said(control.labels?.[0] ?? control);
      const controls = Array.from(document.querySelectorAll("button, select, input, a"));
      const nameless = controls.filter((control) => !nameOf(control)).map((control) => control.id);
      byId("to-market").click();
      press("ArrowRight");
      const isCurrent = byId("to-market").getAttribute("aria-current");
      const market = [byId("market").hidden, isCurrent, night(), location.hash.includes("tab=market")];
      byId("demand").focus({{ focusVisible: true }});
      const outline = getComputedStyle(byId("demand")).outlineStyle;
      return {{ nights, typed, themes, nameless, market, outline, controls: controls.length }};
    """)  # fmt: skip
    assert told["nights"][:3] == [1, 2, 1] and told["nights"][3] > 5 and told["nights"][4] == 0
    assert told["typed"] == 1
    assert told["themes"][1] in ("dark", "light") and told["themes"][0] != told["themes"][1]
    assert told["nameless"] == [] and told["controls"] > 30
    assert told["market"] == [False, "page", 1, True]
    assert told["outline"] == "solid"


@pytest.mark.browser
def test_on_a_phone_nothing_sticks_out(server: Server) -> None:
    told = server.visit("/narrow.html", """
      const frame = byId("phone");
      const inside = () => frame.contentDocument;
      await until(() => inside()?.body?.dataset.state === "ready");
      const widths = [];
      for (const tab of ["brigade", "market"]) {
        inside().getElementById(`to-${tab}`).click();
        if (tab === "brigade") {
          inside().getElementById("run").click();
          await until(() => inside().getElementById("done").textContent.includes("on average"));
        }
        const wide = Array.from(inside().querySelectorAll("main:not([hidden]) *")).filter((each) => {
          const box = each.getBoundingClientRect();
          return box.width > 0 && box.right > 361 && !each.closest(".scroll");
        });
        const small = Array.from(inside().querySelectorAll("main:not([hidden]) button, main:not([hidden]) select"));
        const heights = small.map((each) => each.getBoundingClientRect().height).filter((height) => height > 0);
        const width = inside().documentElement.scrollWidth;
        widths.push([width, wide.map((each) => each.id || each.tagName), Math.min(...heights)]);
      }
      return widths;
    """)  # fmt: skip
    for width, wide, lowest in told:
        assert width <= 360 and wide == []
        assert lowest >= 38, "too low for a thumb"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("/marl_ffi/marl_ffi.wasm", "marl_ffi.wasm: not found; run `make wasm`"),
        ("/replay/view.js", "made by `make wasm`"),
        ("/replay/view.html", "run `make wasm`"),
    ],
)
def test_a_page_that_was_not_built_says_so(server: Server, missing: str, message: str) -> None:
    told = server.visit("/", """
      await until(() => document.body.dataset.state === "trouble");
      return [byId("trouble").hidden, byId("trouble").textContent, byId("trouble").getAttribute("role")];
    """, missing=(missing,))  # fmt: skip
    assert told[0] is False and message in told[1] and told[2] == "alert"


@pytest.mark.browser
def test_a_page_opened_as_a_file_says_how_to_serve_it() -> None:
    dom = run((PAGE / "index.html").as_uri(), "--dump-dom")
    assert re.search(r'<p id="trouble" role="alert">This page was opened as a file.*python -m http.server', dom)
