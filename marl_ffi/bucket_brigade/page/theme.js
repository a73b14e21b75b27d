"use strict";
// Light or dark: what the system says, until somebody chooses.

function changeTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

/** `asked`: "light" or "dark", from the address; anything else is ignored. */
function startTheme(asked) {
  if (["light", "dark"].includes(asked)) document.documentElement.dataset.theme = asked;
  document.getElementById("theme").addEventListener("click", changeTheme);
  addEventListener("keydown", (event) => {
    const { tagName, type } = event.target;
    const writes = ["SELECT", "TEXTAREA"].includes(tagName) || (tagName === "INPUT" && type !== "range");
    if (event.key === "d" && !writes && !event.ctrlKey && !event.metaKey && !event.altKey) changeTheme();
  });
}
