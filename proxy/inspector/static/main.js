// The page: what is told goes into the list, what a person does goes to its place.

import { Detail, unsendable } from "./detail.js";
import { $, ask, download, say } from "./dom.js";
import { read, search } from "./exchange.js";
import { size } from "./format.js";
import { Rows } from "./rows.js";
import { edit, order, send } from "./send.js";
import { Tokens } from "./tokens.js";

const MOST = 5000;
const PART = 1000;

const page = {
  all: [], // exchanges, the newest first
  waiting: [], // what came while paused
  paused: false,
  cleared: null,
  boot: "", // which gateway the numbers belong to
  kept: 0,
  bytes: 0,
  gateway: "",
  wantsKey: false,
  plot: null,
};
const tokens = new Tokens();
const rows = new Rows((number) => open(number));
const detail = new Detail({ close, replay, edit: editOpened, copy, har });

// --- what is told
function take(told) {
  page.kept = told.kept;
  page.bytes = told.bytes;
  tokens.tell(told.tokens);
  if (page.cleared !== null && (told.cleared !== page.cleared || told.boot !== page.boot)) {
    page.all = [];
    page.waiting = [];
    rows.selected = null;
    close();
  }
  page.cleared = told.cleared;
  page.boot = told.boot;
}

function add(exchanges) {
  const newest = page.all.length ? page.all[0].number : 0;
  const fresh = exchanges.filter((exchange) => exchange.number > newest).sort((one, other) => other.number - one.number);
  page.all = fresh.concat(page.all).slice(0, MOST);
}

let drawing = 0;
let drawn = 0;

/** Show what there is, a few times a second at most. */
function refresh() {
  if (drawing) return;
  drawing = setTimeout(refreshNow, Math.max(0, 120 - (performance.now() - drawn)));
}

function refreshNow() {
  clearTimeout(drawing);
  drawing = 0;
  drawn = performance.now();
  const text = $("search").value.trim();
  const list = text ? page.all.filter(search(text)) : page.all;
  rows.show(list);
  page.plot?.show(list);
  $("empty").hidden = list.length > 0;
  $("empty").firstChild.textContent = page.all.length ? "Nothing fits the search. " : "Nothing has passed yet. Try ";
  for (const id of ["try", "first"]) $(id).hidden = page.all.length > 0;
  const waiting = page.waiting.length ? ` · ${page.waiting.length} came while paused` : "";
  const part = list.length === page.all.length ? `${list.length} exchanges` : `${list.length} of ${page.all.length} exchanges`;
  $("count").textContent = `${part} · ${size(page.bytes)} kept${waiting}`;
  for (const chip of document.querySelectorAll("[data-filter]")) chip.setAttribute("aria-pressed", String(chip.dataset.filter === text));
}

async function start() {
  const told = await ask("/inspector/exchanges?most=200");
  page.gateway = told.gateway;
  page.wantsKey = told.wants_key;
  $("gateway").textContent = told.gateway;
  $("try").textContent = `curl ${told.gateway}/`;
  take(told);
  page.all = told.rows.map(read);
  refreshNow();
  rows.drawNow();
  performance.mark("listed");
  listen();
  await older();
  const { Plot } = await import("./plot.js");
  page.plot = new Plot();
  refreshNow();
}

/** Fetch what lies before the newest, in parts, so that neither side stalls. */
async function older() {
  while (page.all.length && page.all.length < MOST) {
    const before = page.all[page.all.length - 1].number;
    const told = await ask(`/inspector/exchanges?before=${before}&most=${PART}`);
    if (!told.rows.length || told.cleared !== page.cleared || told.boot !== page.boot) break;
    page.all = page.all.concat(told.rows.map(read)).slice(0, MOST);
    refresh();
  }
}

function listen() {
  const since = page.all.length ? page.all[0].number : 0;
  const source = new EventSource(`/inspector/events?since=${page.boot}-${since}`);
  source.addEventListener("open", () => live(true));
  source.addEventListener("error", () => {
    live(false);
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
  source.addEventListener("message", (event) => {
    const told = JSON.parse(event.data);
    take(told);
    const exchanges = told.rows.map(read);
    if (page.paused) page.waiting.push(...exchanges.filter((exchange) => !page.waiting.some((each) => each.number === exchange.number)));
    else add(exchanges);
    refresh();
  });
}

function live(on) {
  $("live").classList.toggle("on", on && !page.paused);
  $("live").textContent = page.paused ? "paused" : on ? "live" : "no gateway";
}

// --- what a person does
async function open(number) {
  if (number === null || !(await detail.show(number))) return;
  rows.selected = rows.opened = number;
  rows.draw();
}

function close() {
  if (!detail.open) return;
  detail.close();
  rows.opened = null;
  rows.draw();
  $("rows").focus();
}

function pause() {
  page.paused = !page.paused;
  $("pause").setAttribute("aria-pressed", String(page.paused));
  $("pause").textContent = page.paused ? "Go on" : "Pause";
  if (!page.paused) add(page.waiting.splice(0));
  live(true);
  refresh();
}

async function clear() {
  try {
    await ask("/inspector/clear", {});
    say("Cleared.");
  } catch (error) {
    say(error.message);
  }
}

/** Show the exchange that was just sent, as soon as it is there. */
async function sent({ status, request_id: id }) {
  say(`Sent: ${status}`);
  const told = await ask("/inspector/exchanges?most=200");
  const exchanges = told.rows.map(read);
  add(exchanges);
  refreshNow();
  const found = exchanges.find((exchange) => exchange.id === id);
  if (found) {
    await open(found.number);
    rows.select(found.number);
  }
}

async function opened() {
  if (!detail.told || (rows.selected !== null && detail.told.number !== rows.selected)) await open(rows.selected);
  return detail.told;
}

async function replay() {
  const told = await opened();
  if (!told) return;
  const reason = unsendable(told);
  if (reason) {
    say(reason);
    return;
  }
  if (page.wantsKey) {
    await editOpened();
    return;
  }
  try {
    await sent(await send(order(told), told.exchange.credential));
  } catch (error) {
    say(`Not sent: ${error.message}`);
  }
}

async function editOpened() {
  const told = await opened();
  if (told?.exchange.method) edit(order(told), told.exchange.credential, page.wantsKey, sent);
}

async function copy() {
  const told = await opened();
  if (!told) return;
  try {
    await navigator.clipboard.writeText(told.curl);
    say("Copied.");
  } catch {
    say(told.curl); // the browser lets nobody write to the clipboard
  }
}

/** Give these exchanges as an archive; without numbers, those that are listed. */
async function har(numbers = rows.list.map((exchange) => exchange.number)) {
  const answer = await fetch("/inspector/har", { method: "POST", body: JSON.stringify({ numbers }) });
  download("iam-proxy.har", await answer.blob());
}

function fresh() {
  edit({ method: "GET", target: "/", host: new URL(page.gateway).host, fields: [], body: "" }, "", page.wantsKey, sent);
}

const KEYS = {
  j: () => rows.move(1),
  ArrowDown: () => rows.move(1),
  k: () => rows.move(-1),
  ArrowUp: () => rows.move(-1),
  PageDown: () => rows.move(20),
  PageUp: () => rows.move(-20),
  Home: () => rows.move(-rows.list.length),
  End: () => rows.move(rows.list.length),
  Enter: () => open(rows.selected),
  Escape: close,
  "/": () => $("search").focus(),
  p: pause,
  c: clear,
  r: replay,
  d: editOpened,
  y: copy,
  n: fresh,
  e: () => har(),
  "?": () => $("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const field = event.target.closest("input, textarea, select");
  if (field) {
    if (event.key === "Escape" && field.id === "search") {
      field.value = "";
      refreshNow();
      $("rows").focus();
    } else if (event.key === "Enter" && field.id === "search") {
      event.preventDefault();
      $("rows").focus();
    }
    return;
  }
  if (event.key === "Enter" && event.target.closest("button, a")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
  if (rows.selected !== null && detail.open && ["j", "k", "ArrowDown", "ArrowUp"].includes(event.key)) open(rows.selected);
});
$("filter").addEventListener("submit", (event) => event.preventDefault());
$("search").addEventListener("input", refreshNow);
for (const chip of document.querySelectorAll("[data-filter]")) {
  chip.addEventListener("click", () => {
    $("search").value = chip.dataset.filter;
    refreshNow();
  });
}
$("pause").addEventListener("click", pause);
$("clear").addEventListener("click", clear);
$("new").addEventListener("click", fresh);
$("first").addEventListener("click", async () => {
  try {
    await sent(await send({ method: "GET", target: "/", host: new URL(page.gateway).host, fields: [], body: "" }));
  } catch (error) {
    say(error.message);
  }
});
$("export").addEventListener("click", () => har());
$("help").addEventListener("click", () => $("keys").showModal());

start().catch((error) => say(error.message));
$("rows").focus();
