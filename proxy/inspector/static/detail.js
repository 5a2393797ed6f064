// One exchange, opened: what was asked and answered, where the time went, and why it went as it did.

import { show } from "./body.js";
import { $, ask, button, make, say } from "./dom.js";
import { read, statusClass } from "./exchange.js";
import { clock, size, took } from "./format.js";

const PHASES = { token: ["token-wait", "wait for token"], connect: ["connect", "connect"], answer: ["answer", "first byte"], transfer: ["transfer", "transfer"] };

export class Detail {
  constructor(acts) {
    this.box = $("opened");
    this.acts = acts;
    this.told = null;
  }

  get open() {
    return !this.box.hidden;
  }

  async show(number) {
    let told;
    try {
      told = await ask(`/inspector/exchanges/${number}`);
    } catch (error) {
      say(error.message === "not_found" ? "It is not kept any more." : error.message);
      return false;
    }
    this.told = { ...told, exchange: read(told.row) };
    this.box.replaceChildren(...this.parts(this.told));
    this.box.hidden = false;
    this.box.scrollTop = 0;
    document.querySelector("main").classList.add("split");
    return true;
  }

  close() {
    this.box.hidden = true;
    this.told = null;
    document.querySelector("main").classList.remove("split");
  }

  parts(told) {
    const { exchange } = told;
    const status = make("span", `status ${statusClass(exchange.status)}`, exchange.status ? `${exchange.status} ${told.answer.reason}` : "no answer");
    const facts = [clock(exchange.at), `route ${exchange.route || "none"}`, `${took(exchange.took)}`, `${size(exchange.received)} in, ${size(exchange.sent)} out`,
      exchange.attempts === 1 ? "1 attempt" : `${exchange.attempts} attempts`, `from ${told.peer}`];
    if (exchange.client) facts.push(`client ${exchange.client}`);
    if (exchange.credential) facts.push(`credential ${exchange.credential}`);
    facts.push(`id ${exchange.id}`);
    const close = button("Close", () => this.acts.close());
    close.title = "Esc";
    return [
      make("div", "top", make("h2", "what", `${exchange.method || "–"} ${told.target} `, status), close),
      make("p", "facts", facts.join(" · ")),
      this.buttons(told),
      ...(told.reasons.length ? [make("div", "why", ...told.reasons.map((each) => make("p", "", each)))] : []),
      ...timing(told, exchange),
      part("Answer", told.answer),
      part("Request", told.request),
    ];
  }

  buttons(told) {
    const replay = button("Replay with a fresh token", () => this.acts.replay(), "first");
    const edit = button("Edit and send", () => this.acts.edit());
    const curl = button("Copy as curl", () => this.acts.copy());
    [replay.title, edit.title, curl.title] = ["r", "d", "y"];
    const whole = unsendable(told);
    if (whole) {
      replay.disabled = true;
      replay.title = whole;
    }
    return make("div", "acts", replay, edit, curl, button("HAR", () => this.acts.har([told.number])));
  }
}

/** Return why a request cannot be sent again as it was, "" where it can. */
export function unsendable(told) {
  if (!told.exchange.method) return "It was no request.";
  if (told.shed) return "Its fields and body were not kept: edit and send.";
  if (told.request.body.cut) return "Its body is longer than what is kept: edit and send.";
  return told.request.body.base64 === undefined ? "" : "Its body is no text: copy as curl.";
}

function timing(told, exchange) {
  const total = Math.max(exchange.took, ...told.phases.map(([, , end]) => end), 0.01);
  const bar = make("div", "bar");
  bar.setAttribute("role", "img");
  const sums = new Map();
  for (const [what, start, end] of told.phases) {
    const piece = make("i", PHASES[what][0]);
    piece.style.left = `${(start / total) * 100}%`;
    piece.style.width = `${((end - start) / total) * 100}%`;
    piece.title = `${PHASES[what][1]}: ${took(end - start)}`;
    bar.append(piece);
    sums.set(what, (sums.get(what) ?? 0) + end - start);
  }
  for (const [status, at] of told.refusals) {
    const mark = make("i", "refusal");
    mark.style.left = `${(at / total) * 100}%`;
    mark.title = `refused with ${status}`;
    bar.append(mark);
  }
  const legend = make("ul", "legend", ...Object.entries(PHASES).map(([what, [name, words]]) => make("li", "", make("i", name), `${words} ${sums.has(what) ? took(sums.get(what)) : "–"}`)));
  bar.setAttribute("aria-label", `Timing: ${legend.textContent}`);
  return [bar, legend];
}

function part(title, message) {
  const fields = make("dl", "fields");
  for (const [name, value, remark] of message.fields) {
    const shown = make("dd", "", value);
    if (remark) shown.append(make("em", "", remark));
    fields.append(make("dt", "", name), shown);
  }
  const kind = message.fields.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "";
  return make("section", "part", make("h2", "", title), fields, show(message.body, kind));
}
