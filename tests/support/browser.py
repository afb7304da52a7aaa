"""A page as a browser shows it: Debian's Chromium without a window and without a network, and axe-core's rules."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
_AXE = [
    folder / "node_modules/axe-core/axe.min.js" for folder in (Path(__file__).resolve().parents[2], Path("/usr/lib"))
]
AXE = next((file for file in _AXE if file.is_file()), None)

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium (apt install chromium)")
needs_axe = pytest.mark.skipif(
    CHROMIUM is None or AXE is None, reason="no chromium (apt) or no axe-core (npm install --no-save axe-core)"
)


def chromium(*arguments: str, timeout_s: float = 120) -> str:
    flags = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ]
    done = subprocess.run(
        [str(CHROMIUM), *flags, *arguments], capture_output=True, text=True, timeout=timeout_s, check=True
    )
    return done.stdout


def dom_after(page: Path, script: str, width: int = 1440, *, dark: bool = False) -> str:
    """The page's DOM after a script of ours ran in it; `script` is appended to a copy beside the page."""
    copy = page.with_name(f".{page.stem}-probe.html")
    theme = f"document.documentElement.dataset.theme = {json.dumps('dark' if dark else 'light')};"
    text = page.read_text(encoding="utf-8").replace("</body>", f"<script>{theme}{script}</script></body>")
    copy.write_text(text, encoding="utf-8")
    try:
        return chromium(f"--window-size={width},1000", "--virtual-time-budget=60000", "--dump-dom", copy.as_uri())
    finally:
        copy.unlink()


def _told(dom: str) -> Any:
    found = re.search(r'<pre id="told">(.*?)</pre>', dom, re.DOTALL)
    assert found, dom[-500:]
    return json.loads(html.unescape(found[1]))


_TELL = """const tell = (what) => { const pre = document.createElement("pre"); pre.id = "told";
pre.textContent = JSON.stringify(what); document.body.append(pre); };"""


def asked(page: Path, expression: str, width: int = 1440, *, dark: bool = False) -> Any:
    """The value of a JavaScript expression on the page."""
    return _told(dom_after(page, f"{_TELL} addEventListener('load', () => tell({expression}));", width, dark=dark))


def violations(page: Path, width: int = 1440, *, dark: bool = False) -> dict[str, list[str]]:
    """axe-core's findings on a page with everything opened: rule -> the elements, every rule that it has."""
    rules = f"""{_TELL} document.querySelectorAll("details").forEach((each) => {{ each.open = true; }});
    addEventListener("load", () => axe.run().then((found) => tell(found.violations.map((v) =>
      [v.id, v.nodes.map((n) => n.target.join(" ") + ": " + (n.failureSummary || "").slice(0, 300))]))));"""
    assert AXE is not None
    axe = AXE.read_text(encoding="utf-8").replace("</script", "<\\/script")
    return dict(_told(dom_after(page, f"{axe};{rules}", width, dark=dark)))


def screenshot(page: Path, out: Path, width: int, height: int, *, dark: bool = False) -> None:
    """A picture of the page; narrower than a window can be (500 px) it is shown in a frame."""
    copy, frame = page.with_name(f".{page.stem}-shot.html"), page.with_name(f".{page.stem}-frame.html")
    theme = "dark" if dark else "light"
    copy.write_text(
        page.read_text(encoding="utf-8").replace('<html lang="en">', f'<html lang="en" data-theme="{theme}">')
    )
    frame.write_text(
        f'<body style="margin:0"><iframe src="{copy.name}" width="{width}" height="{height}" style="border:0">'
    )
    try:
        flags = [f"--window-size={max(width, 500)},{height}", f"--screenshot={out}", "--virtual-time-budget=5000"]
        chromium(*flags, (frame if width < 500 else copy).as_uri())
    finally:
        copy.unlink()
        frame.unlink()
