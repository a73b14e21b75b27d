"use strict";
// The page of one replay, which stands in the page itself.

function remember(t) {
  try {
    history.replaceState(null, "", `#night=${t}`);
  } catch {
    // some browsers allow only so many changes in a while; the next night is written again
  }
}

function start() {
  const asked = () => new URLSearchParams(location.hash.slice(1));
  const night = () => Number(asked().get("night") ?? 0);
  startTheme(asked().get("theme"));
  startView({ onNight: remember });
  addEventListener("hashchange", () => step(night()));
  openReplay(JSON.parse(document.getElementById("replay").textContent), night());
}

start();
