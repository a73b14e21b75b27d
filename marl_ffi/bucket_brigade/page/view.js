"use strict";
// A replay on a page. The rules are not known here: everything shown is read from the recorded nights.
// `startView` once, then `openReplay` for every replay that is to be shown.

let title, replay, scenario, nights;
// last night, houses, agents
let LAST, H, N;
// sums of rewards (nights + 1, agents)
let totals;
// how large things can be so that neighbours do not touch
let SCALE;
const STATES = ["safe", "burning", "ruined"];
const DEEDS = ["rests", "works"];
// colours that stay apart for colour-blind eyes
const PALETTE = ["#0072b2", "#e69f00", "#cc79a7", "#009e73", "#56b4e9", "#d55e00", "#f0e442", "#7f6bb3"];
const LIGHT = ["#e69f00", "#56b4e9", "#f0e442", "#cc79a7"];

const byId = (id) => document.getElementById(id);
const colour = (i) => (i < PALETTE.length ? PALETTE[i] : `hsl(${(i * 137.5) % 360} 55% 45%)`);
const onColour = (i) => (LIGHT.includes(colour(i)) ? "#1b1d20" : "#ffffff");
const nameOf = (i) => (replay.agents ? replay.agents[i].replaceAll("_", " ") : `agent ${i}`);
const points = (x, digits = 1) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(digits);
const owner = (h) => h % N;

function element(tag, attributes = {}, text) {
  const svg = ["svg", "g", "path", "circle", "rect", "line", "polyline", "text", "title", "polygon"];
  const made = svg.includes(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// -- what happened ---------------------------------------------------------------------------------------------------

/** What became of a house in a night: "saved", "lost", "lit", "relit" (saved, then lit again) or nothing. */
function outcome(t, h) {
  if (t === 0) return "";
  const before = nights[t - 1].houses[h];
  const after = nights[t].houses[h];
  if (before === 1 && after === 0) return "saved";
  if (before !== 2 && after === 2) return "lost";
  if (before === 0 && after === 1) return "lit";
  // a fire lasts one night, unless it is put out bit by bit
  if (before === 1 && after === 1 && scenario.extinguish_mode !== "continuous") return "relit";
  return "";
}

/** One agent's night: where, what, what it said, whether that was a lie. */
function deed(t, i) {
  const [house, mode, signal] = nights[t].actions[i];
  return { house, works: mode === 1, saysWork: signal === 1, lies: (mode === 1) !== (signal === 1) };
}

/** The night in one sentence. */
function news(t) {
  if (t === 0) {
    const burning = nights[0].houses.filter((h) => h === 1).length;
    return burning ? `The first evening: ${burning} ${burning === 1 ? "house burns" : "houses burn"}.` : "The first evening: all is quiet.";
  }
  const list = (what) => nights[t].houses.map((_, h) => h).filter((h) => outcome(t, h) === what);
  const some = (what, which) => (which.length > 8 ? `${which.length} ${what}` : `${what} ${which.join(", ")}`);
  const phrase = (houses, one, many) => (houses.length === 1 ? `house ${houses[0]} ${one}` : `${some("houses", houses)} ${many}`);
  const parts = [["saved", "was saved", "were saved"], ["lost", "burned down", "burned down"], ["lit", "caught fire", "caught fire"],
    ["relit", "was saved and caught fire again", "were saved and caught fire again"]]
    .map(([what, one, many]) => [list(what), one, many])
    .filter(([houses]) => houses.length)
    .map(([houses, one, many]) => phrase(houses, one, many));
  const liars = nights[t].actions.map((_, i) => i).filter((i) => deed(t, i).lies);
  if (liars.length) parts.push(liars.length === 1 ? `agent ${liars[0]} lied` : `${some("agents", liars)} lied`);
  if (!parts.length) return "A quiet night.";
  const sentence = parts.join("; ");
  return sentence[0].toUpperCase() + sentence.slice(1) + ".";
}

// -- the town --------------------------------------------------------------------------------------------------------

const RADIUS = 226;
const angle = (h) => (2 * Math.PI * h) / H - Math.PI / 2;
const around = (h, r) => [r * Math.cos(angle(h)), r * Math.sin(angle(h))];

function drawHouse(t, h) {
  const state = STATES[nights[t].houses[h]];
  const [x, y] = around(h, RADIUS);
  const group = element("g", { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${SCALE.toFixed(3)})`, "data-house": h, "data-state": state });
  group.append(element("title", {}, `house ${h}, of ${nameOf(owner(h))}: ${state}`));
  if (state === "ruined") {
    group.append(element("path", { class: "wall-ruined", d: "M-19 20V2l7 5 6-9 8 10 6-6 11 7v11z" }));
    group.append(element("path", { class: "roof-ruined", d: "M-19 20h38v-5h-38z" }));
  } else {
    if (state === "burning") {
      group.append(element("path", { class: "flame", d: "M0-52c4 9 16 13 16 27 0 9-6 15-16 15s-16-6-16-15c0-8 5-11 7-17 3 3 4 5 5 8 3-5 5-10 4-18z" }));
    }
    group.append(element("path", { class: `wall-${state}`, d: "M-18-4h36v24h-36z" }));
    group.append(element("path", { class: `roof-${state}`, d: "M-24-3L0-25 24-3z" }));
    group.append(element("path", { class: "pane", d: "M-4 20V8h8v12zM-14 2h7v7h-7zM7 2h7v7H7z" }));
  }
  group.append(element("rect", { x: -18, y: 23, width: 36, height: 5, rx: 2.5, fill: colour(owner(h)) }));
  return group;
}

function drawHouseLabel(t, h) {
  const what = outcome(t, h);
  const group = element("g");
  const [x, y] = around(h, RADIUS + 56 * Math.max(SCALE, 0.55));
  if (H <= 40) group.append(element("text", { x: x.toFixed(1), y: y.toFixed(1), class: "house-number" }, h));
  if (what) {
    const fill = { saved: "var(--safe)", lost: "var(--muted)", lit: "var(--burning)", relit: "var(--burning)" }[what];
    const mark = { saved: "✓", lost: "✕", lit: "+", relit: "↻" }[what];
    const at = around(h, RADIUS - 4);
    const dot = element("g", { transform: `translate(${(at[0] + 21 * SCALE).toFixed(1)} ${(at[1] - 24 * SCALE).toFixed(1)})`, "data-outcome": what });
    dot.append(element("circle", { r: 10 * Math.max(SCALE, 0.5), fill: "var(--card)", stroke: fill, "stroke-width": 2 }));
    const sign = element("text", { class: "outcome", style: `fill: ${fill}; font-size: ${12 * Math.max(SCALE, 0.5)}px` }, mark);
    dot.append(sign);
    group.append(dot);
  }
  return group;
}

/** Places for the agents at one house: rows across the way to the middle, as far apart as labels are wide and high. */
function places(h, count, small) {
  const [cos, sin] = [Math.cos(angle(h)), Math.sin(angle(h))];
  const apart = (dx, dy) => small * Math.min(56 / Math.abs(dx), 50 / Math.abs(dy));
  const across = apart(sin, cos);
  // where the row is slanted there is room for two only
  const perRow = across > 62 * small ? 2 : 3;
  const rows = Math.ceil(count / perRow);
  const step = Math.min(apart(cos, sin), 110 / Math.max(1, rows - 1));
  return Array.from({ length: count }, (_, k) => {
    const row = Math.floor(k / perRow);
    const inRow = Math.min(perRow, count - perRow * row);
    const shift = ((k % perRow) - (inRow - 1) / 2) * across;
    const [x, y] = around(h, RADIUS - 30 - 42 * Math.max(SCALE, 0.6) - row * step);
    return [x - shift * sin, y + shift * cos];
  });
}

function drawAgent(t, i, [x, y], small) {
  const { house, works, saysWork, lies } = deed(t, i);
  const group = element("g", { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${small})`, "data-agent": i, "data-lies": lies });
  const says = DEEDS[Number(saysWork)];
  group.append(element("title", {}, `${nameOf(i)} ${DEEDS[Number(works)]} at house ${house} and says it ${says}${lies ? ": a lie" : ""}`));
  const body = { r: 15, fill: works ? colour(i) : "var(--card)", stroke: colour(i), "stroke-width": 3 };
  group.append(element("circle", body));
  group.append(element("text", { class: "agent-number", style: `fill: ${works ? onColour(i) : "var(--ink)"}` }, i));
  if (works) group.append(element("path", { class: "bucket", d: "M8 4h13l-2.5 13h-8z" }));
  const bubble = element("g", { transform: "translate(0 25)" });
  const text = lies ? `“${saysWork ? "work" : "rest"}”!` : saysWork ? "work" : "rest";
  bubble.append(element("rect", { x: lies ? -27 : -18, y: -8, width: lies ? 54 : 36, height: 16, rx: 8, class: lies ? "bubble-lie" : "bubble" }));
  bubble.append(element("text", { class: lies ? "says says-lie" : "says" }, text));
  group.append(bubble);
  return group;
}

function drawRing(t) {
  const ring = byId("ring");
  const parts = [element("circle", { r: RADIUS, class: "street" })];
  for (let h = 0; h < H; h++) parts.push(drawHouse(t, h));
  for (let h = 0; h < H; h++) parts.push(drawHouseLabel(t, h));
  if (t > 0) {
    const here = Array.from({ length: H }, () => []);
    nights[t].actions.forEach(([house], i) => here[house].push(i));
    const crowd = Math.max(...here.map((agents) => agents.length));
    const small = Math.min(1, Math.max(0.35, Math.min((2 * Math.PI * 150) / (H * 44), 4.5 / crowd)));
    here.forEach((agents, h) => places(h, agents.length, small).forEach((at, k) => parts.push(drawAgent(t, agents[k], at, small))));
  }
  const count = (state) => nights[t].houses.filter((h) => h === state).length;
  const middle = [
    [-16, "24px", "600", "var(--ink)", t === 0 ? "First evening" : `Night ${t}`],
    [10, "13px", "400", "var(--muted)", `${count(0)} safe · ${count(1)} burning · ${count(2)} ruined`],
  ];
  if (t > 0) middle.push([31, "13px", "400", "var(--muted)", `team ${points(nights[t].rewards.reduce((a, b) => a + b, 0))} tonight`]);
  for (const [y, size, weight, fill, text] of middle) {
    parts.push(element("text", { y, class: "middle", style: `font-size: ${size}; font-weight: ${weight}; fill: ${fill}` }, text));
  }
  ring.replaceChildren(...parts);
}

// -- the side --------------------------------------------------------------------------------------------------------

function row(cells, tag = "td") {
  const made = element("tr");
  for (const [content, kind] of cells) {
    const cell = element(tag, kind ? { class: kind } : {});
    cell.append(...[content].flat());
    made.append(cell);
  }
  return made;
}

function drawAgents(t) {
  const phases = nights.some((night) => night.round1_signals);
  const head = [["agent"], ["does"], ["says"], ...(phases ? [["first said"]] : []), ["tonight", "number"], ["total", "number"]];
  const rows = nights[t].actions.map((_, i) => {
    const badge = element("span", { class: "badge", style: `background: ${colour(i)}; color: ${onColour(i)}` }, i);
    const total = [totals[t][i].toFixed(1), "number"];
    if (t === 0) return row([[[badge, nameOf(i)]], ["–"], ["–"], ...(phases ? [["–"]] : []), ["–", "number"], total]);
    const { house, works, saysWork, lies } = deed(t, i);
    const said = element("span", lies ? { class: "lie" } : {}, DEEDS[Number(saysWork)]);
    if (lies) said.append(element("span", { class: "wide" }, " (a lie)"));
    const first = phases ? [[nights[t].round1_signals ? DEEDS[nights[t].round1_signals[i]] : "–"]] : [];
    const reward = nights[t].rewards[i];
    return row([
      [[badge, nameOf(i)]], [`${DEEDS[Number(works)]} at ${house}`], [said], ...first,
      [points(reward), reward < 0 ? "number loss" : "number"], total,
    ]);
  });
  byId("agents").replaceChildren(row(head, "th"), ...rows);
}

const WIDTH = 460;
const LEFT = 34;
const RIGHT = 12;
const column = (t) => LEFT + ((WIDTH - LEFT - RIGHT) * t) / Math.max(LAST, 1);

function drawWeeks() {
  const chart = byId("weeks");
  chart.replaceChildren();
  const cell = Math.max(3, Math.min(H < 6 ? 24 : 13, 260 / H));
  const wide = (WIDTH - LEFT - RIGHT) / (LAST + 1);
  chart.setAttribute("viewBox", `0 0 ${WIDTH} ${(cell * H + 20).toFixed(1)}`);
  const gap = wide > 5 && cell > 5 ? 1 : 0;
  const every = Math.ceil(14 / cell);
  for (let h = 0; h < H; h++) {
    if (h % every === 0) chart.append(element("text", { x: LEFT - 8, y: cell * (h + 0.5), class: "small middle", style: "text-anchor: end; font-size: 10px" }, h));
    // runs of one state are one rectangle, so that long games stay light
    for (let t = 0, from = 0; t <= LAST; t++) {
      const state = nights[t].houses[h];
      if (t < LAST && !gap && nights[t + 1].houses[h] === state) continue;
      const box = { x: (LEFT + from * wide).toFixed(2), y: (h * cell).toFixed(2), width: ((t + 1 - from) * wide - gap).toFixed(2), height: (cell - (cell > 5 ? 1 : 0)).toFixed(2) };
      chart.append(element("rect", { ...box, class: `cell-${STATES[state]}` }));
      from = t + 1;
    }
  }
  const step = Math.max(1, Math.ceil(LAST / 10 / 5) * 5);
  for (let t = 0; t <= LAST; t += LAST <= 16 ? 2 : step) {
    chart.append(element("text", { x: LEFT + (t + 0.5) * wide, y: cell * H + 12, class: "small", style: "text-anchor: middle; font-size: 10px" }, t));
  }
  chart.append(element("rect", { id: "weeks-cursor", class: "cursor", y: -0.5, width: Math.max(wide - gap, 2).toFixed(2), height: (cell * H).toFixed(2), rx: 2 }));
}

function drawScores() {
  const chart = byId("scores");
  chart.replaceChildren();
  const high = 170;
  const all = totals.flat();
  const [low, top] = [Math.min(0, ...all), Math.max(0, ...all)];
  const y = (value) => 10 + (high - 34) * (1 - (value - low) / (top - low || 1));
  chart.setAttribute("viewBox", `0 0 ${WIDTH} ${high}`);
  for (const value of new Set([low, 0, top])) {
    // no room for a label between two others
    if (value === 0 && [low, top].some((end) => end !== 0 && Math.abs(y(end) - y(0)) < 12)) continue;
    chart.append(element("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }));
    chart.append(element("text", { class: "small middle", x: LEFT - 6, y: y(value), style: "text-anchor: end; font-size: 10px" }, Math.abs(value) >= 1e5 ? value.toExponential(0) : Math.round(value)));
  }
  for (let i = 0; i < N; i++) {
    const line = totals.map((sums, t) => `${column(t).toFixed(1)},${y(sums[i]).toFixed(1)}`).join(" ");
    chart.append(element("polyline", { points: line, fill: "none", stroke: colour(i), "stroke-width": 2, "stroke-linejoin": "round" }));
  }
  chart.append(element("text", { class: "small", x: WIDTH - RIGHT, y: high - 8, style: "text-anchor: end; font-size: 10px" }, "nights"));
  chart.append(element("line", { id: "scores-cursor", class: "cursor", y1: 6, y2: high - 22 }));
}

/** Let a chart be clicked and dragged over; `nightAt` tells the night from the share of its width. */
function seekable(chart, nightAt) {
  const seek = (event) => {
    const box = chart.getBoundingClientRect();
    pause();
    show(nightAt((event.clientX - box.left) / box.width));
  };
  chart.addEventListener("pointerdown", (event) => {
    chart.setPointerCapture(event.pointerId);
    seek(event);
  });
  chart.addEventListener("pointermove", (event) => event.buttons && seek(event));
}

function moveCursors(t) {
  const wide = (WIDTH - LEFT - RIGHT) / (LAST + 1);
  byId("weeks-cursor").setAttribute("x", (LEFT + t * wide).toFixed(2));
  for (const end of ["x1", "x2"]) byId("scores-cursor").setAttribute(end, column(t).toFixed(1));
}

function drawRules() {
  const shown = Object.entries(scenario).filter(([, value]) => value !== null && !(Array.isArray(value) && !value.length));
  byId("rules").replaceChildren(...shown.map(([name, value]) => row([[name.replaceAll("_", " ")], [Array.isArray(value) ? value.join(", ") : String(value)]])));
}

// -- time ------------------------------------------------------------------------------------------------------------

let now = 0;
let timer = null;
let tellNight = () => {};

function show(t) {
  now = Math.max(0, Math.min(LAST, Number.isFinite(t) ? Math.trunc(t) : 0));
  drawRing(now);
  drawAgents(now);
  moveCursors(now);
  byId("news").textContent = news(now);
  byId("scrub").value = now;
  byId("scrub").setAttribute("aria-valuetext", now === 0 ? "first evening" : `night ${now}`);
  byId("first").disabled = byId("back").disabled = now === 0;
  byId("last").disabled = byId("next").disabled = now === LAST;
  document.body.dataset.night = now;
  tellNight(now);
}

const drawPlayButton = (shape) => byId("play").querySelector("path").setAttribute("d", shape);

function pause() {
  clearInterval(timer);
  timer = null;
  drawPlayButton("M4 2l10 6-10 6z");
  byId("play").setAttribute("aria-label", "Play");
}

function play() {
  if (now === LAST) show(0);
  clearInterval(timer);
  timer = setInterval(() => (now === LAST ? pause() : show(now + 1)), 1000 / Number(byId("speed").value));
  drawPlayButton("M4 3h2v10h-2zM10 3h2v10h-2z");
  byId("play").setAttribute("aria-label", "Pause");
}

const toggle = () => (timer === null ? play() : pause());
const step = (t) => {
  pause();
  show(t);
};

const KEYS = {
  " ": toggle, ArrowLeft: () => step(now - 1), ArrowRight: () => step(now + 1), Home: () => step(0), End: () => step(LAST),
};

/** Whether a key means the element that has the focus, not the replay. */
function isForElement(event) {
  const { tagName, type } = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || ["SELECT", "SUMMARY", "TEXTAREA"].includes(tagName)) return true;
  // buttons and links take the space bar themselves, sliders the arrows, fields everything
  if (tagName === "BUTTON" || tagName === "A") return event.key === " ";
  return tagName === "INPUT" && (type !== "range" || event.key !== " ");
}

/** Connects buttons, keys and charts. `onNight` hears of every night that is shown; keys count while `isActive()`. */
function startView({ onNight = () => {}, isActive = () => true } = {}) {
  tellNight = onNight;
  byId("play").addEventListener("click", toggle);
  byId("first").addEventListener("click", () => step(0));
  byId("back").addEventListener("click", () => step(now - 1));
  byId("next").addEventListener("click", () => step(now + 1));
  byId("last").addEventListener("click", () => step(LAST));
  byId("scrub").addEventListener("input", (event) => step(Number(event.target.value)));
  byId("speed").addEventListener("change", () => timer !== null && play());
  const share = (x, steps) => ((x * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT)) * steps;
  seekable(byId("weeks"), (x) => Math.floor(share(x, LAST + 1)));
  seekable(byId("scores"), (x) => Math.round(share(x, LAST)));
  addEventListener("keydown", (event) => {
    if (!isActive() || isForElement(event) || !(event.key in KEYS)) return;
    event.preventDefault();
    KEYS[event.key]();
  });
}

/** Shows another replay, from `night` on. */
function openReplay(data, night = 0) {
  pause();
  ({ title, replay } = data);
  ({ scenario, nights } = replay);
  [LAST, H, N] = [nights.length - 1, scenario.num_houses, scenario.num_agents];
  totals = [new Array(N).fill(0)];
  for (let t = 1; t <= LAST; t++) totals.push(totals[t - 1].map((sum, i) => sum + nights[t].rewards[i]));
  SCALE = Math.min(1, (2 * Math.PI * RADIUS) / (H * 66));
  const seed = replay.generator?.seed;
  const agents = `${N} ${N === 1 ? "agent" : "agents"}`;
  byId("about").textContent = [title, agents, `${H} houses`, `${LAST} nights`, ...(seed == null ? [] : [`seed ${seed}`])].join(" · ");
  byId("scrub").max = LAST;
  drawWeeks();
  drawScores();
  drawRules();
  show(night);
}
