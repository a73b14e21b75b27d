// The page: loads the engine, shows one of two games, keeps the address.

import { load } from "./marl_ffi/index.js";
import { lines } from "./checksum.js";
import { startBrigade } from "./brigade_page.js";
import { startMarket } from "./market_page.js";

/** What the page shows, for whoever wants to look behind it. */
export const page = {};

const byId = (id) => document.getElementById(id);
const asked = () => new URLSearchParams(location.hash.slice(1));

/** Writes to the address, which is the state of the page: whoever gets it sees the same. */
function remember(changes) {
  const now = asked();
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) now.delete(key);
    else now.set(key, value);
  }
  try {
    // a comma is fine in an address, and easier to read
    history.replaceState(null, "", `#${now.toString().replaceAll("%2C", ",")}`);
  } catch {
    // some browsers allow only so many changes in a while; the next one is written again
  }
}

function showTab() {
  const tab = asked().get("tab") === "market" ? "market" : "brigade";
  for (const name of ["brigade", "market"]) {
    byId(name).hidden = name !== tab;
    if (name === tab) byId(`to-${name}`).setAttribute("aria-current", "page");
    else byId(`to-${name}`).removeAttribute("aria-current");
  }
}

async function start() {
  showTab();
  startTheme(asked().get("theme"));
  for (const name of ["brigade", "market"]) {
    byId(`to-${name}`).addEventListener("click", (event) => {
      event.preventDefault();
      remember({ tab: name });
      showTab();
    });
  }
  const view = await fetch("replay/view.html");
  if (!view.ok) throw new Error("replay/view.html: not found; run `make wasm` in the repository, then load the page again");
  byId("setup").insertAdjacentHTML("afterend", await view.text());
  const marl = await load();
  byId("engine").textContent = `Engine ${marl.version}, version ${marl.abiVersion} of the C ABI, in WebAssembly: the same bytes as everywhere.`;
  byId("checksum").hidden = false;
  byId("checksum").addEventListener("click", () => {
    byId("checksum-lines").textContent = lines(marl).join("\n");
    byId("checksum-lines").hidden = false;
  });
  Object.assign(page, { marl, brigade: startBrigade(marl, asked, remember), market: startMarket(marl) });
  addEventListener("hashchange", () => {
    showTab();
    page.brigade.fromAddress();
  });
  if (document.body.dataset.state !== "trouble") document.body.dataset.state = "ready";
}

if (typeof startView === "function" && typeof startTheme === "function") {
  start().catch((error) => {
    trouble(error.message);
    throw error;
  });
}
