"""The gateway's own answer as a page for people: what happened, whose fault it is, what to do."""

import base64
import hashlib
import re
from html import escape

from proxy.errors import Fault, GatewayError

FAULTS = {
    Fault.CALLER: "The request, or the program that sent it.",
    Fault.GATEWAY: "This gateway, or the way it is set up.",
    Fault.PLATFORM: "The platform, or the network on the way to it.",
}
STYLE = b"""
:root{color-scheme:light dark;--ink:#1d2330;--soft:#545d70;--line:#d5d9e2;--card:#fff;--ground:#f3f4f7;--mark:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e7eaf1;--soft:#a5aec0;--line:#39404f;--card:#1d222c;--ground:#13161c;
--mark:#ff9c92}}
body{margin:0;padding:6vh 1rem;background:var(--ground);color:var(--ink);font:1rem/1.55 system-ui,sans-serif;
overflow-wrap:anywhere}
main{max-width:38rem;margin:auto;padding:1.75rem;background:var(--card);border:1px solid var(--line);
border-top:4px solid var(--mark);border-radius:8px;box-sizing:border-box}
.status{margin:0;color:var(--mark);font-weight:600}
h1{margin:.25rem 0 .75rem;font-size:1.5rem;line-height:1.25}
h2{margin:1.5rem 0 .25rem;font-size:.95rem;color:var(--soft)}
p{margin:0}
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:1.5rem 0 0;padding-top:1rem;
border-top:1px solid var(--line);font-size:.9rem}
dt{color:var(--soft)}
dd{margin:0}
code{font-family:ui-monospace,monospace}
dd code{user-select:all}
footer{margin:1rem 0 0;font-size:.9rem;color:var(--soft)}
"""
# Nothing is loaded, run, sent or framed; the style is known by its digest (CSP3 §2.3.1).
POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE = (
    b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>%%(title)b (%%(status)b)</title>
<style>%b</style>
<main>
<p class="status">%%(status)b</p>
<h1>%%(title)b</h1>
<p>%%(detail)b</p>
<h2>Where the fault lies</h2>
<p>%%(fault)b</p>
<h2>What to do</h2>
<p>%%(action)b</p>
<dl>
<dt>Code</dt><dd><code id="code">%%(code)b</code></dd>
%%(named)b</dl>
<footer>This answer comes from the gateway (iam-proxy), not from the platform behind it.</footer>
</main>
</html>
"""
    % STYLE
)
REQUEST = '<dt>Request id</dt><dd><code id="request-id">{}</code></dd>\n'
NAMED = re.compile("`([^`]*)`")


def page(error: GatewayError, action: str, request_id: str) -> bytes:
    """Return the page for an error, with this text for what to do; nothing in it is taken for markup."""
    texts = {
        "title": escape(error.title),
        "status": f"{int(error.status)} {error.status.phrase}",
        "detail": marked(error.detail),
        "fault": FAULTS[error.fault],
        "action": marked(action),
        "code": error.code,
        "named": REQUEST.format(escape(request_id)) if request_id else "",
    }
    return PAGE % {name.encode(): text.encode() for name, text in texts.items()}


def marked(text: str) -> str:
    """Return a text as HTML; names between backticks are set apart."""
    return NAMED.sub(r"<code>\1</code>", escape(text))
