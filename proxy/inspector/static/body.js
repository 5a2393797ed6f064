// The body of a message: JSON laid out, text, an image, or how large it is.

import { button, make } from "./dom.js";
import { size } from "./format.js";

// No SVG: it is a program. What these are is told by the gateway's own type, and shown from a blob of that type.
const IMAGES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
const TOKENS = /"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s"{}[\],:]+/g;
const MOST = 20_000; // tokens that are coloured; more would be slow

/** Return what shows a body; `kind` is its media type. */
export function show(body, kind) {
  const box = make("div", "body");
  if (body.fault) return box.append(make("p", "note", `Body ${body.fault}.`)), box;
  if (!body.size) return box.append(make("p", "note", "No body.")), box;
  const type = kind.split(";")[0].trim().toLowerCase();
  if (IMAGES.has(type) && !body.cut) box.append(image(body, type));
  else if (body.text === undefined) box.append(make("p", "note", `${size(body.size)} of binary data.`));
  else if (/json/.test(type) || /^\s*[[{]/.test(body.text)) box.append(...json(body.text));
  else box.append(make("pre", "", body.text));
  if (body.cut) box.append(make("p", "note", `The first ${size(body.size)} are shown; more is not kept.`));
  return box;
}

function image(body, type) {
  const text = body.base64 === undefined ? new TextEncoder().encode(body.text) : Uint8Array.from(atob(body.base64), (each) => each.charCodeAt(0));
  const shown = make("img");
  shown.alt = `${type}, ${size(body.size)}`;
  shown.src = URL.createObjectURL(new Blob([text], { type }));
  shown.addEventListener("load", () => URL.revokeObjectURL(shown.src));
  shown.addEventListener("error", () => shown.replaceWith(make("p", "note", `${size(body.size)} that are no image.`)));
  return shown;
}

function json(text) {
  const laid = make("pre", "", laidOut(text));
  const raw = make("pre", "", text);
  raw.hidden = true;
  const choose = (pretty) => {
    laid.hidden = !pretty;
    raw.hidden = pretty;
    one.setAttribute("aria-pressed", String(pretty));
    other.setAttribute("aria-pressed", String(!pretty));
  };
  const one = button("Pretty", () => choose(true));
  const other = button("Raw", () => choose(false));
  choose(true);
  return [make("div", "switch", one, other), laid, raw];
}

/** Return JSON with line breaks and colours, its tokens as they came: no number changes, and a cut text is no matter. */
export function laidOut(text) {
  const out = document.createDocumentFragment();
  const tokens = text.match(TOKENS) ?? [];
  if (tokens.length > MOST) return out.append(text), out;
  let depth = 0;
  const line = () => `\n${"  ".repeat(Math.max(0, depth))}`;
  tokens.forEach((token, place) => {
    const next = tokens[place + 1];
    if (token === "{" || token === "[") {
      depth += 1;
      out.append(token, next === "}" || next === "]" ? "" : line());
    } else if (token === "}" || token === "]") {
      depth -= 1;
      const before = tokens[place - 1];
      out.append(before === "{" || before === "[" ? "" : line(), token);
    } else if (token === ",") out.append(",", line());
    else if (token === ":") out.append(": ");
    else out.append(make("span", token[0] === '"' ? (next === ":" ? "key" : "string") : /^[-\d]/.test(token) ? "digits" : "word", token));
  });
  return out;
}
