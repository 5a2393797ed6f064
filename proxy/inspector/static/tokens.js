// The life of each token as a countdown, and what became of the last logins.

import { $, make } from "./dom.js";
import { clock, span } from "./format.js";

const SHOWN = 30;

export class Tokens {
  constructor() {
    this.told = null;
    this.sign = "";
    this.skew = 0; // the gateway's clock before ours, in ms
    this.lines = new Map();
    setInterval(() => this.tick(), 250);
  }

  tell(told) {
    this.told = told;
    this.skew = told.now - Date.now();
    const sign = JSON.stringify([told.logins, told.credentials.map((token) => [token.credential, token.phase, token.outcome])]);
    if (sign === this.sign) { // no more than the time has gone on
      for (const token of told.credentials) this.lines.get(token.credential).token = token;
      return;
    }
    this.sign = sign;
    const lines = new Map();
    const parts = told.credentials.map((token) => {
      const left = make("span", "left quiet");
      const bar = make("progress");
      bar.max = 1;
      bar.setAttribute("aria-label", `life of the token of ${token.credential}`);
      const box = make("div", "token", make("b", "", token.credential), left, bar);
      lines.set(token.credential, { token, left, bar, box, life: this.life(token) });
      return box;
    });
    const history = make("ol", "history", ...told.logins.slice(-SHOWN).reverse().map(login));
    history.setAttribute("aria-label", "Logins, the newest first");
    this.lines = lines;
    $("tokens").replaceChildren(...parts, history);
    this.tick();
  }

  /** Return how long the token lived when it was new, in seconds. */
  life(token) {
    const made = this.told.logins.filter((each) => each.credential === token.credential && each.lifetime);
    return made.length ? made[made.length - 1].lifetime : null;
  }

  tick() {
    const now = Date.now() + this.skew;
    for (const { token, left, bar, box, life } of this.lines.values()) {
      const rest = token.expires === null ? null : (token.expires - now) / 1000;
      if (token.phase === "none" || (rest !== null && rest <= 0)) {
        left.textContent = token.outcome && token.outcome !== "succeeded" ? `no token: login ${token.outcome}` : "no token yet";
        bar.value = 0;
      } else if (rest === null) {
        left.textContent = "held, no end";
        bar.value = 1;
      } else {
        left.textContent = `expires in ${span(rest)}`;
        bar.value = life ? Math.min(1, rest / life) : 1;
        box.classList.toggle("low", life !== null && rest < life / 4);
      }
    }
  }
}

const WHY = { start: "at start", ahead: "ahead of expiry", expiry: "since the token had expired", refusal: "since the token was refused", rotation: "since a secret changed", asked: "since somebody asked" };
const OTHER = { TokenRefused: "token refused by the origin", RefusalsDoubted: "refusals doubted for a while", TokenFound: "token from the shared store", StoreFailed: "shared store of no use", StoreRestored: "shared store of use again" };

function login(event) {
  const bad = event.what === "rejected" || event.what === "unavailable";
  const words = event.reason ? `login ${bad ? `${event.what} ` : ""}${WHY[event.reason] ?? event.reason}` : OTHER[event.what] ?? event.what;
  const line = make("li", bad ? "bad" : "", make("span", "time", clock(event.at).slice(0, 8)), make("span", "", `${event.credential}: ${words}${event.took ? `, ${event.took} ms` : ""}`));
  if (event.cause) line.title = event.cause;
  return line;
}
