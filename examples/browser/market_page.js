// The market: sliders in, one auction of the engine for every move, a picture of the merit order out.

import { ticks } from "./statistics.js";

const [WIDTH, HEIGHT] = [640, 400];
const EDGE = { left: 46, right: 14, top: 30, bottom: 52 };
const byId = (id) => document.getElementById(id);
const money = (x) => `${x.toFixed(2).replace("-", "−")} $/MWh`;
const power = (x) => `${x.toFixed(1)} MW`;
const round = (x) => Math.round(x * 10) / 10;

/** Makes the sliders, clears, and clears again on every move. Returns what is shown. */
export function startMarket(marl) {
  // the engine's own example: five generators, a demand for every hour of a day
  const { params } = marl.envSpec("ElectricityMarket-v0").config;
  const n = params.capacities.length;
  const costs = params.costs;
  const total = params.capacities.reduce((sum, mw) => sum + mw, 0);
  const mostBid = Math.ceil((1.6 * Math.max(...costs)) / 10) * 10;
  const mostCapacity = Math.ceil((1.6 * Math.max(...params.capacities)) / 10) * 10;
  const peak = Math.max(...params.demand_profile);
  const shown = { market: null, price: NaN, demand: NaN };

  const slider = (i, what, most, value) => {
    const id = `${what}-${i}`;
    const label = element("label", { class: "slider", for: id });
    const input = element("input", { id, type: "range", min: 0, max: most, step: 0.5, value: round(value), "aria-label": `${what} of generator ${i}` });
    label.append(element("span", {}, what), input, element("output", { for: id, id: `${id}-shown` }));
    return label;
  };

  function makeSliders() {
    const groups = costs.map((cost, i) => {
      const group = element("fieldset", { class: "generator" });
      const legend = element("legend");
      legend.append(element("span", { class: "badge", style: `background: ${colour(i)}; color: ${onColour(i)}` }, i), `costs ${money(cost)}`);
      group.append(legend, slider(i, "bid", mostBid, cost), slider(i, "capacity", mostCapacity, params.capacities[i]));
      return group;
    });
    byId("generators").replaceChildren(...groups);
    Object.assign(byId("demand"), { max: Math.ceil((1.2 * total) / 10) * 10, step: 0.5, value: round(peak) });
  }

  const read = (id) => Number(byId(id).value);

  function makeMarket() {
    shown.market?.free();
    shown.market = marl.market(n, { tieRule: byId("tie-rule").value });
    shown.market.costs = costs;
  }

  function clear() {
    const { market } = shown;
    for (let i = 0; i < n; i++) {
      market.bids[i] = read(`bid-${i}`);
      market.quantities[i] = read(`capacity-${i}`);
      tell(`bid-${i}`, money(market.bids[i]));
      tell(`capacity-${i}`, power(market.quantities[i]));
    }
    shown.demand = read("demand");
    tell("demand", power(shown.demand));
    shown.price = market.step(shown.demand);
    draw();
  }

  function tell(id, text) {
    byId(`${id}-shown`).textContent = text;
    byId(id).setAttribute("aria-valuetext", text);
  }

  // -- the picture -----------------------------------------------------------------------------------------------------

  function draw() {
    const { market, price, demand } = shown;
    const [bids, quantities, cleared] = [market.bids, market.quantities, market.cleared];
    const offered = quantities.reduce((sum, mw) => sum + mw, 0);
    const widest = Math.max(offered, demand, 1) * 1.04;
    const highest = Math.max(...bids, price, 1) * 1.12;
    const x = (mw) => EDGE.left + ((WIDTH - EDGE.left - EDGE.right) * mw) / widest;
    const y = (bid) => HEIGHT - EDGE.bottom - ((HEIGHT - EDGE.top - EDGE.bottom) * bid) / highest;
    const parts = [];
    for (const bid of ticks(0, highest)) {
      parts.push(element("line", { class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(bid), y2: y(bid) }));
      parts.push(element("text", { class: "small end", x: EDGE.left - 7, y: y(bid) }, bid));
    }
    for (const mw of ticks(0, widest)) parts.push(element("text", { class: "small centre", x: x(mw), y: HEIGHT - EDGE.bottom + 20 }, mw));
    parts.push(element("text", { class: "small", x: 4, y: 16 }, "$/MWh"));
    parts.push(element("text", { class: "small end", x: WIDTH - EDGE.right, y: HEIGHT - 10 }, "MW, cheapest first"));
    const order = Array.from(bids.keys()).sort((a, b) => bids[a] - bids[b] || a - b);
    let from = 0;
    for (const i of order) {
      const wide = x(from + quantities[i]) - x(from);
      const box = (mw, opacity) => element("rect", {
        x: x(from).toFixed(2), y: y(bids[i]).toFixed(2), width: Math.max(0, x(from + mw) - x(from)).toFixed(2),
        height: Math.max(2, y(0) - y(bids[i])).toFixed(2), fill: colour(i), "fill-opacity": opacity, "data-generator": i,
      });
      const offer = box(quantities[i], 0.22);
      offer.append(element("title", {}, `generator ${i}: ${power(cleared[i])} of ${power(quantities[i])} at ${money(bids[i])}`));
      parts.push(offer, box(cleared[i], 0.85));
      if (wide > 16) parts.push(element("text", { class: "unit", x: x(from) + wide / 2, y: Math.max(EDGE.top + 8, y(bids[i]) - 9) }, i));
      from += quantities[i];
    }
    parts.push(element("line", { class: "price", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(price), y2: y(price) }));
    parts.push(element("line", { class: "demand", x1: x(demand), x2: x(demand), y1: EDGE.top, y2: y(0) }));
    const isLeft = x(demand) > WIDTH / 2;
    parts.push(element("text", { class: `mark ${isLeft ? "end" : ""}`, x: x(demand) + (isLeft ? -7 : 7), y: EDGE.top + 4 }, `demand ${power(demand)}`));
    parts.push(element("text", { class: "mark price-mark", x: EDGE.left + 7, y: Math.max(EDGE.top + 18, y(price) - 9) }, `price ${money(price)}`));
    byId("merit-order").replaceChildren(...parts);

    const missing = demand - cleared.reduce((sum, mw) => sum + mw, 0);
    const short = missing > 1e-6 ? ` ${power(missing)} of demand is not served.` : "";
    const text = `The price is ${money(price)}.${short}`;
    byId("cleared").textContent = text;
    byId("cleared").classList.toggle("wrong", Boolean(short));
    byId("merit-order").setAttribute("aria-label", `Merit order of ${n} generators. ${text}`);
    drawDispatch();
  }

  function drawDispatch() {
    const { cleared, quantities, rewards } = shown.market;
    const head = [["generator"], ["dispatched", "number"], ["of its offer", "number"], ["reward", "number"]];
    const rows = costs.map((_, i) => {
      const badge = element("span", { class: "badge", style: `background: ${colour(i)}; color: ${onColour(i)}` }, i);
      const share = quantities[i] > 0 ? `${((100 * cleared[i]) / quantities[i]).toFixed(0)} %` : "–";
      const reward = [rewards[i].toFixed(1).replace("-", "−"), rewards[i] < 0 ? "number loss" : "number"];
      return row([[[badge]], [power(cleared[i]), "number"], [share, "number"], reward]);
    });
    byId("dispatch").replaceChildren(row(head, "th"), ...rows);
  }

  byId("market").addEventListener("input", (event) => event.target.type === "range" && clear());
  byId("tie-rule").addEventListener("change", () => {
    makeMarket();
    clear();
  });
  byId("reset-market").addEventListener("click", () => {
    makeSliders();
    clear();
  });
  makeSliders();
  makeMarket();
  clear();
  return shown;
}
