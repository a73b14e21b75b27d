"""What the tests of pages share: a browser without a window, a server, and scripts that run in a page and report."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_support import ROOT

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "chromium-headless-shell")
PAGE = ROOT / "examples" / "browser"
MODULE = PAGE / "marl_ffi" / "marl_ffi.wasm"
OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

# What the examples in all languages print.
CHECKSUM = [
    'refused: unknown_id (200): "CartPole-v2": no environment of that id; did you mean "CartPole-v1"?',
    "CartPole-v1: 1000 poles, 200 steps, 8017 episodes ended",
    "ElectricityMarket-v0: 5 generators, 240 hours, 10 days ended",
    "marl_market: 240 auctions, mean price 36.175000",
    "checksum: e2c4e2cd1e4f1d8e",
]

# In front of every script: how it hands back arrays, waits, and does what a visitor does.
PRELUDE = """
const pack = (value) => {
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    let text = "";
    for (let k = 0; k < bytes.length; k += 4096) text += String.fromCharCode(...bytes.subarray(k, k + 4096));
    return { array: value.constructor.name.replace("Array", "").toLowerCase().replace("big", ""), bytes: btoa(text) };
  }
  if (typeof value === "bigint") return { integer: String(value) };
  if (Array.isArray(value)) return value.map(pack);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, pack(v)]));
  return value;
};
const failing = (call) => {
  try {
    call();
  } catch (error) {
    return { name: error.name, status: error.status, reason: error.reason, message: error.message };
  }
  return null;
};
"""
IN_A_PAGE = """
const byId = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const until = async (fulfilled, what) => {
  for (let k = 0; k < 3000; k++) {
    if (fulfilled()) return;
    await sleep(20);
  }
  throw new Error(`waited in vain: ${what ?? fulfilled}`);
};
const change = (id, value) => {
  const field = typeof id === "string" ? byId(id) : id;
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
};
const press = (key, target = document.body) => {
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
};
"""


def browser() -> str:
    """Path of a browser, or a failure that says how to get one."""
    named = os.environ.get("MARL_FFI_BROWSER")
    for name in [named] if named else BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    pytest.fail("no browser found: install chromium, or name one in MARL_FFI_BROWSER")


def run(url: str, *options: str) -> str:
    """Open an address, wait until the page is at rest, and return what the browser prints."""
    # a page that never comes to rest must not stop the tests
    done = subprocess.run([browser(), *OPTIONS, *options, url], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def unpack(value: Any) -> Any:
    """What a script handed back: arrays as NumPy's, integers of any size."""
    if isinstance(value, list):
        return [unpack(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"array", "bytes"}:
        return np.frombuffer(base64.b64decode(value["bytes"]), value["array"])
    if set(value) == {"integer"}:
        return int(value["integer"])
    return {key: unpack(each) for key, each in value.items()}


# One browser for all visits: each is a frame of this page, which asks for the next one again and again.
HUB = """<!doctype html><script type="module">
for (;;) {
  const path = await (await fetch("/next", { method: "POST" })).text();
  if (!path) continue;
  document.querySelector("iframe")?.remove();
  const frame = document.createElement("iframe");
  [frame.width, frame.height, frame.src] = [1280, 900, path];
  document.body.append(frame);
}
</script><body></body>"""


class _Handler(http.server.SimpleHTTPRequestHandler):
    """The page as it is, and with a script in it; what that script reports."""

    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path in self.server.missing:
            self.send_error(404)
        elif path == "/hub.html":
            self._send(HUB, "text/html")
        elif path == "/":
            text = (PAGE / "index.html").read_text(encoding="utf-8")
            self._send(text.replace("</body>", '<script type="module" src="/driver.js"></script></body>'), "text/html")
        elif path == "/empty.html":
            self._send('<!doctype html><script type="module" src="/driver.js"></script>', "text/html")
        elif path == "/narrow.html":
            self._send('<!doctype html><iframe id="phone" width="360" height="780" src="/index.html"></iframe>'
                       '<script type="module" src="/driver.js"></script>', "text/html")  # fmt: skip
        elif path == "/driver.js":
            self._send(self.server.script, "text/javascript")
        else:
            super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def do_POST(self) -> None:
        if self.path == "/next":
            try:
                return self._send(self.server.visits.get(timeout=1), "text/plain")
            except queue.Empty:
                return self._send("", "text/plain")
        self.server.result = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._send("", "text/plain")
        self.server.has_result.set()

    def _send(self, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    """Serves the page on this machine, and lets scripts run in it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), lambda *a, **k: _Handler(*a, directory=str(PAGE), **k))  # type: ignore[arg-type]
        self.script = self.result = ""
        self.missing: set[str] = set()
        self.has_result = threading.Event()
        self.visits: queue.Queue[str] = queue.Queue()
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        # a browser that is closed leaves connections open
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def visit(self, path: str, script: str, missing: tuple[str, ...] = ()) -> Any:
        """What `script`, the body of an asynchronous function, returns in the page at `path`."""
        self.missing = set(missing)
        self.has_result.clear()
        self.script = f"""{PRELUDE}{IN_A_PAGE}
        const body = async () => {{ {script} }};
        const failed = (error) => ({{ error: `${{error}} ${{error.stack}}` }});
        const told = await body().then((value) => ({{ value: pack(value) }}), failed);
        await fetch("/result", {{ method: "POST", body: JSON.stringify(told) }});"""
        self.visits.put(path)
        assert self.has_result.wait(120), f"{path}: the page reported nothing"
        told = json.loads(self.result)
        assert "error" not in told, told["error"]
        return unpack(told["value"])


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server, and a browser that visits it, for as long as the block lasts."""
    if not MODULE.exists():
        pytest.fail(f"{MODULE.relative_to(ROOT)} is not there: run `make wasm`")
    with Server() as server, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        command = [browser(), *OPTIONS, f"--user-data-dir={profile}", "--window-size=1300,1000", "--remote-debugging-port=0"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        try:
            with subprocess.Popen([*command, f"{server.address}/hub.html"], **quiet) as process:
                try:
                    yield server
                finally:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
        finally:
            server.shutdown()
            thread.join()


def in_node(script: str, directory: Path) -> Any:
    """What `script`, the body of an asynchronous function of `marl`, returns in Node."""
    if not MODULE.exists():
        pytest.fail(f"{MODULE.relative_to(ROOT)} is not there: run `make wasm`")
    path = directory / "script.mjs"
    path.write_text(
        f"""import * as library from {json.dumps((PAGE / "marl_ffi" / "index.js").as_uri())};
        {PRELUDE}
        const base = {json.dumps(PAGE.as_uri())};
        const body = async (marl) => {{ {script} }};
        console.log(JSON.stringify(pack(await body(await library.load()))));"""
    )
    done = subprocess.run(["node", str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return unpack(json.loads(done.stdout))
