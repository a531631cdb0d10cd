"""A headless Chromium, driven over its own protocol: what a person sees of a page, and clicks and types on it."""

import base64
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def program() -> str | None:
    """The browser of this machine, if it has one."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Browser:
    """One page. A wait that times out fails with what the page shows."""

    def __init__(self, chromium: str, folder: Path) -> None:
        self._said = folder / "chromium.log"
        with self._said.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    chromium,
                    "--headless=new",
                    "--no-sandbox",  # tests run as root in containers; it opens our own pages only
                    "--disable-dev-shm-usage",
                    "--disable-gpu",
                    "--no-first-run",
                    "--window-size=1500,1400",
                    "--remote-debugging-port=0",
                    f"--user-data-dir={folder / 'profile'}",
                    "about:blank",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._number = 0
        try:
            self._socket = connect(self._address(), max_size=None, open_timeout=30)
            targets = self._ask("Target.getTargets")["targetInfos"]
            page = next(target["targetId"] for target in targets if target["type"] == "page")
            self._session = self._ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
            self._ask("Page.enable")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Afterwards it does not run."""
        if hasattr(self, "_socket"):
            self._socket.close()
        self._process.terminate()
        self._process.wait(20)

    def open(self, url: str) -> None:
        self._ask("Page.navigate", url=url)

    def text(self) -> str:
        """What the page shows."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def url(self) -> str:
        return str(self.evaluate("location.href"))

    def wait_for(self, expression: str, seconds: float = 60) -> Any:
        """What the JavaScript expression gives, once that is true."""
        deadline = time.monotonic() + seconds
        while not (found := self.evaluate(expression)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{expression} is not true after {seconds} s; {self.url()} shows:\n{self.text()}")
            time.sleep(0.2)
        return found

    def see(self, wanted: str, seconds: float = 60) -> None:
        """Afterwards the page shows the text."""
        self.wait_for(f"document.body && document.body.innerText.includes({json.dumps(wanted)})", seconds)

    def click(self, text: str, within: str = "button, a, [role=button], [role=option], [role=menuitem]") -> None:
        """Click what shows exactly this text, as soon as it is there."""
        place = self._steady(
            f"""(() => {{
                const shown = [...document.querySelectorAll({json.dumps(within)})].filter(
                    e => e.innerText && e.innerText.trim() === {json.dumps(text)} && e.offsetParent !== null);
                const one = shown[shown.length - 1];
                if (!one || one.disabled) return null;
                one.scrollIntoView({{block: 'center'}});
                const box = one.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )
        self.click_at(*place)

    def click_on(self, selector: str) -> None:
        """Click the first element that the selector finds."""
        place = self._steady(
            f"""(() => {{
                const one = document.querySelector({json.dumps(selector)});
                if (!one) return null;
                one.scrollIntoView({{block: 'center'}});
                const box = one.getBoundingClientRect();
                return box.width ? [box.x + box.width / 2, box.y + box.height / 2] : null;
            }})()"""
        )
        self.click_at(*place)

    def click_at(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def choose(self, selector: str, value: str) -> None:
        """Choose the value in the first list that the selector finds."""
        self.wait_for(
            f"""(() => {{
                const list = document.querySelector({json.dumps(selector)});
                if (!list || ![...list.options].some(option => option.value === {json.dumps(value)})) return false;
                list.value = {json.dumps(value)};
                list.dispatchEvent(new Event('change', {{bubbles: true}}));
                return true;
            }})()"""
        )

    def type(self, text: str) -> None:
        """Into what has the focus."""
        self._ask("Input.insertText", text=text)

    def picture(self, file: Path) -> None:
        """Afterwards the file shows the page, as PNG."""
        shown = self._ask("Page.captureScreenshot", format="png")["data"]
        file.write_bytes(base64.b64decode(shown))

    def evaluate(self, expression: str) -> Any:
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    def _steady(self, expression: str) -> Any:
        """The place that the expression gives, once it moves no more: what slides in is not hit before."""
        place = self.wait_for(expression)
        while True:
            time.sleep(0.3)
            again = self.wait_for(expression)
            if again == place:
                return place
            place = again

    def _address(self) -> str:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = re.search(r"DevTools listening on (ws://\S+)", self._said.read_text(errors="replace"))
            if found:
                return found[1]
            time.sleep(0.1)
        raise AssertionError(f"Chromium did not start: {self._said.read_text(errors='replace')}")

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if hasattr(self, "_session"):
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                found: dict[str, Any] = answer["result"]
                return found
