// Elements made without markup: what an exchange holds is hostile, and becomes text alone.

export const $ = (id) => document.getElementById(id);

/** Return an element of a class, with texts and elements in it. */
export function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Return a button that does something. */
export function button(text, act, className = "") {
  const element = make("button", className, text);
  element.type = "button";
  element.addEventListener("click", act);
  return element;
}

let hiding = 0;

/** Say something in passing, also to a screen reader. */
export function say(text) {
  const said = $("said");
  said.textContent = text;
  said.classList.add("shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => said.classList.remove("shown"), 3500);
}

/** Ask the gateway; return what it says, or throw an Error that does. */
export async function ask(path, body) {
  const posted = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(path, posted).catch(() => {
    throw new Error("the gateway cannot be reached");
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.error || said.detail || said.code || `status ${answer.status}`);
  return said;
}

/** Give the person a file. */
export function download(name, blob) {
  const link = make("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
