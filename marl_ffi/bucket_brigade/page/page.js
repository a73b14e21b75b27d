"use strict";
// The page of one replay, which stands in the page itself.

function start() {
  const asked = () => new URLSearchParams(location.hash.slice(1));
  const night = () => Number(asked().get("night") ?? 0);
  startTheme(asked().get("theme"));
  startView({ onNight: (t) => history.replaceState(null, "", `#night=${t}`) });
  addEventListener("hashchange", () => step(night()));
  openReplay(JSON.parse(document.getElementById("replay").textContent), night());
}

start();
