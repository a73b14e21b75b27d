// Plays many games away from the page, which stays quick. One message in, a message out for every chunk of games.

import { load } from "./marl_ffi/index.js";

addEventListener("message", async ({ data: { module, request, first, games, chunk } }) => {
  try {
    const marl = await load(module);
    for (let done = 0; done < games; ) {
      const count = Math.min(chunk, games - done);
      const seeds = Array.from({ length: count }, (_, k) => BigInt.asUintN(64, first + BigInt(done + k)));
      const { scores, nights } = marl.brigadeEpisodes({ ...request, seeds });
      postMessage({ done: (done += count), scores, nights }, [scores.buffer, nights.buffer]);
    }
  } catch (error) {
    postMessage({ error: error.message });
  }
});
