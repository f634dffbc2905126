"""Firefox and WebKit, as Debian has them; playwright drives only builds of its own.

Firefox itself speaks WebDriver BiDi. WebKit has a driver for the older protocol, and
needs a display.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

from websockets.sync.client import connect

PATIENCE = 120  # seconds, of a test on a busy machine
KEYS = {"Enter": "\ue007", "Left": "\ue012", "Right": "\ue014"}
MINI = next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"), None)
NARROW = "* { min-width: 0; padding: 0; margin: 0 }"  # or no window is like a phone
FIND = "const find = (selector) => document.querySelector(selector);"
CENTER = """(async () => {
  for (let last;;) { // what is laid out only in view may move what is below it
    find(%s).scrollIntoView({ block: "center", behavior: "instant" });
    await new Promise((done) => setTimeout(done, 50));
    const { x, y, width, height } = find(%s).getBoundingClientRect();
    const place = [x + width / 2, y + height / 2].map(Math.round);
    if (`${place}` === `${last}`) return place;
    last = place;
  }
})()"""


def until(is_so, what: str = "the browser starts") -> None:
    ends = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < ends, what
        time.sleep(0.05)


class Engine:
    """A browser with one page; `problems` is what its pages have noted."""

    def __init__(self, room: Path, stack: ExitStack):
        self.room, self.stack, self.problems = room, stack, []
        self.start()

    def process(self, *command, **options) -> subprocess.Popen:
        silent = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
        process = subprocess.Popen(command, text=True, **(silent | options))
        self.stack.enter_context(process)
        self.stack.callback(process.terminate)
        return process

    def run(self, expression: str):
        """The value of an expression, or of its promise."""
        noted = "window.problems?.splice(0) ?? []"
        body = f"{FIND} return [await ({expression}) ?? null, {noted}]"
        value, problems = self.value(f"(async () => {{ {body} }})()")
        self.problems += problems
        return value

    def wait(self, condition: str) -> None:
        until(lambda: self.run(f"!!({condition})"), condition)

    def click(self, selector: str) -> None:
        x, y = self.run(CENTER.replace("%s", json.dumps(selector)))
        steps = [{"type": "pointerMove", "x": x, "y": y}]
        steps += [{"type": f"pointer{way}", "button": 0} for way in ("Down", "Up")]
        self.act({"type": "pointer", "id": "mouse", "actions": steps})

    def press(self, *keys: str) -> None:
        """Press keys by name, or characters, one after the other."""
        pairs = [(way, KEYS.get(key, key)) for key in keys for way in ("Down", "Up")]
        steps = [{"type": f"key{way}", "value": value} for way, value in pairs]
        self.act({"type": "key", "id": "keyboard", "actions": steps})

    def resize(self, width: int) -> None:
        self.set_size(width=width, height=900)
        self.wait(f"innerWidth === {width}")


class Firefox(Engine):
    binary = shutil.which("firefox-esr") or shutil.which("firefox")
    missing = "" if binary else "There is no Firefox: apt-get install firefox-esr"

    def start(self):
        remote = "--headless", "--remote-debugging-port", "0"
        self.process(self.binary, *remote, "--profile", self.room)
        told = self.room / "WebDriverBiDiServer.json"
        until(lambda: told.exists() and told.read_text())
        place = json.loads(told.read_text())
        address = f"ws://{place['ws_host']}:{place['ws_port']}/session"
        self.socket = self.stack.enter_context(connect(address, max_size=None))
        self.send("session.new", capabilities={})
        window = self.send("browsingContext.create", type="window")
        self.page = {"context": window["context"]}
        self.send("browsingContext.activate", **self.page)  # or no key arrives

    def send(self, method: str, **params):
        message = {"id": 1, "method": method, "params": params}
        self.socket.send(json.dumps(message))
        answer = json.loads(self.socket.recv(PATIENCE))
        assert answer["type"] == "success", answer
        return answer["result"]

    def open(self, address: str) -> None:
        way = {"url": address, "wait": "complete"}
        self.send("browsingContext.navigate", **self.page, **way)

    def value(self, promise: str):
        text = {"expression": f"{promise}.then(JSON.stringify)", "awaitPromise": True}
        answer = self.send("script.evaluate", **text, target=self.page)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    def act(self, source: dict) -> None:
        self.send("input.performActions", **self.page, actions=[source])

    def set_size(self, **size: int) -> None:
        self.send("browsingContext.setViewport", **self.page, viewport=size)


class WebKit(Engine):
    binary = shutil.which("WebKitWebDriver")
    is_there = binary and MINI and shutil.which("Xvfb")
    install = "apt-get install webkit2gtk-driver xvfb"
    missing = "" if is_there else f"There is no WebKit: {install}"

    def start(self):
        screen = "-displayfd", "1", "-screen", "0", "1400x1000x24"
        shown = self.process("Xvfb", *screen, stdout=subprocess.PIPE).stdout.readline()
        (self.room / "gtk-3.0").mkdir()
        (self.room / "gtk-3.0/gtk.css").write_text(NARROW)
        own = {"DISPLAY": f":{shown.strip()}", "XDG_CONFIG_HOME": str(self.room)}
        with socket.create_server(("127.0.0.1", 0)) as free:
            place = free.getsockname()
        env = os.environ | own | {"GDK_BACKEND": "x11"}
        self.process(self.binary, f"--port={place[1]}", env=env)
        until(lambda: socket.socket().connect_ex(place) == 0)
        self.session = f"http://127.0.0.1:{place[1]}/session"
        options = {"binary": str(MINI), "args": ["--automation"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        self.session += "/" + self.send("", capabilities=wanted)["sessionId"]
        end = Request(self.session, method="DELETE")
        self.stack.callback(lambda: urlopen(end, timeout=PATIENCE).close())

    def send(self, path: str, **params):
        request = Request(self.session + path, json.dumps(params).encode())
        with urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)["value"]

    def open(self, address: str) -> None:
        self.send("/url", url=address)

    def value(self, promise: str):
        return self.send("/execute/sync", script=f"return {promise}", args=[])

    def act(self, source: dict) -> None:
        self.send("/actions", actions=[source])

    def set_size(self, **size: int) -> None:
        self.send("/window/rect", **size)


@contextmanager
def started(engine: type[Engine]):
    with TemporaryDirectory(ignore_cleanup_errors=True) as room, ExitStack() as stack:
        yield engine(Path(room), stack)
