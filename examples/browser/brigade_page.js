// Bucket Brigade: who plays, the game that they play, and what many games pay.

import { asSeed, toReplay, toReplayJson, Marl } from "./marl_ffi/index.js";
import { drawHistogram, drawTable } from "./payoff_view.js";
import { summaries } from "./statistics.js";

const ARCHETYPES = ["firefighter", "free_rider", "hero", "coordinator", "liar"];
const TEAM = ["firefighter", "free_rider", "hero", "liar"];
const MOST_SEATS = 10;
const byId = (id) => document.getElementById(id);
const spoken = (name) => name.replaceAll("_", " ");

function option(value, text = spoken(value)) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = text;
  return made;
}

/** Makes the form, plays what it says, and plays again whenever it changes. Returns what is shown. */
export function startBrigade(marl, asked, remember) {
  const shown = { game: null, payoffs: null, fromAddress };
  let worker = null;

  for (const each of byId("scenario").options) {
    each.value = each.textContent;
    each.textContent = spoken(each.value);
  }
  byId("seats").append(...Array.from({ length: MOST_SEATS }, (_, k) => option(String(k + 1))));
  startView({ onNight: (night) => remember({ night }), isActive: () => !byId("brigade").hidden });

  const team = () => Array.from(byId("team").querySelectorAll("select"), (seat) => seat.value);

  function setTeam(names) {
    const seats = names.map((name, i) => {
      const label = document.createElement("label");
      const badge = element("span", { class: "badge", style: `background: ${colour(i)}; color: ${onColour(i)}` }, i);
      const select = element("select", { "aria-label": `Agent ${i}` });
      select.append(...ARCHETYPES.map((archetype) => option(archetype)));
      select.value = name;
      label.append(badge, select);
      return label;
    });
    byId("team").replaceChildren(byId("team").querySelector("legend"), ...seats);
    byId("seats").value = names.length;
  }

  /** The form as a request to the engine; a seed that is none throws. */
  function request() {
    return { scenario: byId("scenario").value, agents: team(), seed: asSeed(byId("seed").value), decisions: byId("decisions").value };
  }

  function complain(error) {
    byId("seed-error").textContent = error?.message ?? "";
    byId("seed-error").hidden = !error;
    byId("seed").setAttribute("aria-invalid", Boolean(error?.message.startsWith("seed")));
  }

  function show(wanted, night) {
    shown.game = marl.brigadeRecord(wanted);
    openReplay({ title: spoken(wanted.scenario), replay: toReplay(shown.game) }, night);
    forgetPayoffs();
  }

  function playGame(night = 0) {
    try {
      const wanted = request();
      show(wanted, night);
      complain(null);
      remember({ scenario: wanted.scenario, team: wanted.agents.join(","), seed: wanted.seed, decisions: wanted.decisions });
    } catch (error) {
      // an address may ask for what cannot be; there is something to look at all the same
      if (!shown.game) show({ scenario: "default", agents: TEAM, seed: 0n }, 0);
      complain(error);
    }
  }

  function fromAddress() {
    const wanted = asked();
    const has = (select, value) => Array.from(select.options).some((each) => each.value === value);
    for (const id of ["scenario", "decisions"]) if (has(byId(id), wanted.get(id))) byId(id).value = wanted.get(id);
    const names = (wanted.get("team") ?? "").split(",").filter((name) => ARCHETYPES.includes(name));
    setTeam(names.length ? names.slice(0, MOST_SEATS) : TEAM);
    if (wanted.get("seed") !== null) byId("seed").value = wanted.get("seed");
    playGame(Number(wanted.get("night") ?? 0));
    if (byId("seed-error").hidden && has(byId("games"), wanted.get("games"))) {
      byId("games").value = wanted.get("games");
      playMany();
    }
  }

  // -- payoffs of many games -------------------------------------------------------------------------------------------

  function stop() {
    worker?.terminate();
    worker = null;
    byId("run").textContent = "Play them";
    byId("progress").hidden = true;
  }

  function forgetPayoffs() {
    stop();
    shown.payoffs = null;
    byId("payoff-table").hidden = byId("histogram").hidden = true;
    byId("done").textContent = "";
    remember({ games: null });
  }

  function drawPayoffs(finished) {
    const { agents, scores, nights, done } = shown.payoffs;
    const n = agents.length;
    const soFar = scores.subarray(0, done * n);
    const all = summaries(soFar, n);
    const length = summaries(Float32Array.from(nights.subarray(0, done)), 1)[0];
    drawTable(byId("payoff-table"), agents, all);
    drawHistogram(byId("histogram"), agents, soFar, all);
    const count = done.toLocaleString("en");
    byId("done").textContent = finished ? `${count} games of ${length.mean.toFixed(1)} nights on average.` : count;
    shown.payoffs.isComplete = finished;
  }

  function playMany() {
    if (worker) {
      drawPayoffs(true);
      return stop();
    }
    let wanted;
    try {
      wanted = request();
      complain(null);
    } catch (error) {
      return complain(error);
    }
    const games = Number(byId("games").value);
    remember({ games });
    const { seed: first, ...rest } = wanted;
    const n = rest.agents.length;
    const payoffs = { agents: rest.agents, first, scores: new Float32Array(games * n), nights: new Uint32Array(games), done: 0, isComplete: false };
    shown.payoffs = payoffs;
    worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    worker.onerror = (event) => {
      stop();
      byId("done").textContent = `The worker could not start: ${event.message ?? "see the console"}`;
    };
    let frame = 0;
    worker.onmessage = ({ data }) => {
      if (data.error) {
        stop();
        byId("done").textContent = data.error;
        return;
      }
      payoffs.scores.set(data.scores, payoffs.done * n);
      payoffs.nights.set(data.nights, payoffs.done);
      payoffs.done = data.done;
      byId("progress").value = data.done / games;
      if (data.done === games) {
        stop();
        cancelAnimationFrame(frame);
        drawPayoffs(true);
      } else if (!frame) {
        frame = requestAnimationFrame(() => {
          frame = 0;
          if (worker) drawPayoffs(false);
        });
      }
    };
    byId("run").textContent = "Stop";
    byId("progress").value = 0;
    byId("progress").hidden = false;
    worker.postMessage({ module: marl.module, request: rest, first, games, chunk: Math.max(50, Math.min(1000, games / 20)) });
  }

  function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([toReplayJson(shown.game)], { type: "application/json" }));
    link.download = `bucket_brigade_${shown.game.seed}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  byId("setup").addEventListener("submit", (event) => event.preventDefault());
  byId("setup").addEventListener("change", (event) => {
    if (event.target.id === "seats") {
      const now = team();
      setTeam(Array.from({ length: Number(byId("seats").value) }, (_, i) => now[i] ?? TEAM[i % TEAM.length]));
    }
    if (event.target.id !== "seed") playGame();
  });
  byId("seed").addEventListener("input", () => playGame());
  byId("new-seed").addEventListener("click", () => {
    // short enough to be told on the phone
    byId("seed").value = String(Marl.freshSeed() % 1000000n);
    playGame();
  });
  byId("save").addEventListener("click", save);
  byId("run").addEventListener("click", playMany);
  fromAddress();
  return shown;
}
