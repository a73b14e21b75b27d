// Numbers about numbers: no game is known here.

/**
 * Mean, standard error of the mean, and extremes of every column of `scores` `(games, agents)`.
 * @param {Float32Array} scores flat
 * @param {number} agents
 */
export function summaries(scores, agents) {
  const games = scores.length / agents;
  return Array.from({ length: agents }, (_, i) => {
    let [mean, squares, low, high] = [0, 0, Infinity, -Infinity];
    for (let k = 0; k < games; k++) {
      const score = scores[k * agents + i];
      // Welford's way: the sum of squares of large, close numbers would lose their difference
      const before = score - mean;
      mean += before / (k + 1);
      squares += before * (score - mean);
      low = Math.min(low, score);
      high = Math.max(high, score);
    }
    const standardError = games > 1 ? Math.sqrt(squares / (games - 1) / games) : NaN;
    return { mean, standardError, low, high };
  });
}

/**
 * Counts of every column in bins of equal width over all scores.
 * @returns {{ edges: number[], counts: number[][] }} `bins + 1` edges, and `(agents, bins)` counts
 */
export function histogram(scores, agents, bins = 40) {
  let [low, high] = [Infinity, -Infinity];
  for (const score of scores) {
    if (score < low) low = score;
    if (score > high) high = score;
  }
  if (!(low < high)) [low, high] = [low - 0.5, low + 0.5];
  const counts = Array.from({ length: agents }, () => new Array(bins).fill(0));
  const scale = bins / (high - low);
  scores.forEach((score, k) => counts[k % agents][Math.min(bins - 1, Math.floor((score - low) * scale))]++);
  return { edges: Array.from({ length: bins + 1 }, (_, k) => low + k / scale), counts };
}

/** Round numbers between two others, at most seven: the marks of an axis. */
export function ticks(low, high) {
  const rough = (high - low) / 6;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * unit).find((each) => each >= rough);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => Number(((first + k) * step).toPrecision(6)));
}
