// Draws payoffs: a table, and a histogram for each agent on one axis. Uses what the view of replays has: `element`,
// `row`, `colour`, `onColour`.

import { histogram, ticks } from "./statistics.js";

const WIDTH = 460;
const LEFT = 34;
const RIGHT = 12;
const HIGH = 44;
const digits = (x) => (Number.isFinite(x) ? x.toFixed(Math.abs(x) < 1000 ? 2 : 1).replace("-", "−") : "–");
const spoken = (agent) => agent.replaceAll("_", " ");

export function drawTable(table, agents, all) {
  const head = [["agent"], ["mean", "number"], ["± standard error", "number"], ["lowest", "number wide"], ["highest", "number wide"]];
  const rows = all.map(({ mean, standardError, low, high }, i) => {
    const badge = element("span", { class: "badge", style: `background: ${colour(i)}; color: ${onColour(i)}` }, i);
    const numbers = [mean, standardError].map((x) => [digits(x), "number"]);
    const extremes = [low, high].map((x) => [digits(x), "number wide"]);
    return row([[[badge, spoken(agents[i])]], ...numbers, ...extremes]);
  });
  table.replaceChildren(row(head, "th"), ...rows);
  table.hidden = false;
}

export function drawHistogram(chart, agents, scores, all) {
  const { edges, counts } = histogram(scores, agents.length);
  const bins = counts[0].length;
  const [low, high] = [edges[0], edges[bins]];
  const x = (value) => LEFT + ((WIDTH - LEFT - RIGHT) * (value - low)) / (high - low);
  const most = Math.max(...counts.flat());
  const tall = agents.length * HIGH + 22;
  chart.setAttribute("viewBox", `0 0 ${WIDTH} ${tall}`);
  const parts = [];
  agents.forEach((agent, i) => {
    const floor = (i + 1) * HIGH;
    const { mean, standardError } = all[i];
    parts.push(element("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: floor, y2: floor }));
    counts[i].forEach((count, k) => {
      if (!count) return;
      const height = Math.max(0.75, (count / most) * (HIGH - 8));
      const box = { x: (x(edges[k]) + 0.25).toFixed(2), y: (floor - height).toFixed(2), width: ((WIDTH - LEFT - RIGHT) / bins - 0.5).toFixed(2), height: height.toFixed(2) };
      const bar = element("rect", { ...box, fill: colour(i) });
      bar.append(element("title", {}, `${agent} ${i}: ${count} games from ${edges[k].toFixed(0)} to ${edges[k + 1].toFixed(0)}`));
      parts.push(bar);
    });
    parts.push(element("line", { class: "cursor", x1: x(mean), x2: x(mean), y1: floor - HIGH + 6, y2: floor }));
    if (Number.isFinite(standardError)) {
      const [from, to] = [x(mean - 2 * standardError), x(mean + 2 * standardError)];
      parts.push(element("line", { class: "cursor", x1: from, x2: to, y1: floor - HIGH + 6, y2: floor - HIGH + 6 }));
    }
    parts.push(element("text", { class: "small middle", x: LEFT - 16, y: floor - HIGH / 2 + 4 }, i));
  });
  for (const value of ticks(low, high)) {
    const text = value.toLocaleString("en").replace("-", "−");
    parts.push(element("text", { class: "small", x: x(value), y: tall - 6, style: "text-anchor: middle; font-size: 11px" }, text));
  }
  chart.replaceChildren(...parts);
  const means = agents.map((agent, i) => `${spoken(agent)} ${i}: ${digits(all[i].mean)}`);
  chart.setAttribute("aria-label", `Payoffs of ${(scores.length / agents.length).toLocaleString("en")} games. Means: ${means.join(", ")}`);
  chart.removeAttribute("hidden");
}
