// The list: rows exist for what can be seen alone, so that thousands cost what dozens do.

import { $, make } from "./dom.js";
import { statusClass } from "./exchange.js";
import { clock, size, took } from "./format.js";

const HEIGHT = 26;
const MORE = 8; // rows beyond either edge, so that a fast scroll shows no gap

export class Rows {
  constructor(opens) {
    this.box = $("rows");
    this.space = $("space");
    this.list = []; // exchanges, the newest first
    this.selected = null;
    this.opened = null;
    this.shown = new Map();
    this.spare = [];
    this.drawing = false;
    this.box.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.box);
    this.box.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (!row) return;
      this.select(Number(row.dataset.number));
      opens(this.selected);
    });
  }

  /** Show these exchanges; what is looked at stays where it is while new ones come in above it. */
  show(list) {
    const top = this.box.scrollTop;
    const anchor = top > 0 ? this.list[Math.floor(top / HEIGHT)] : undefined;
    const offset = top % HEIGHT;
    this.list = list;
    this.space.style.height = `${list.length * HEIGHT}px`;
    this.box.setAttribute("aria-rowcount", String(list.length));
    if (anchor) {
      const place = this.place(anchor.number);
      if (place >= 0) this.box.scrollTop = place * HEIGHT + offset;
    }
    this.draw();
  }

  draw() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.drawNow();
    });
  }

  drawNow() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / HEIGHT) - MORE);
    const last = Math.min(this.list.length, first + Math.ceil(this.box.clientHeight / HEIGHT) + 2 * MORE);
    const wanted = new Set();
    for (let place = first; place < last; place += 1) wanted.add(this.list[place].number);
    for (const [number, row] of this.shown) {
      if (wanted.has(number)) continue;
      this.shown.delete(number);
      this.spare.push(row);
    }
    for (let place = first; place < last; place += 1) this.drawRow(this.list[place], place);
    for (const row of this.spare.splice(0)) row.remove();
    if (this.selected !== null) this.box.setAttribute("aria-activedescendant", `row-${this.selected}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  drawRow(exchange, place) {
    let row = this.shown.get(exchange.number);
    if (!row) {
      row = this.spare.pop() ?? this.space.appendChild(blank());
      fill(row, exchange);
      this.shown.set(exchange.number, row);
    }
    row.style.transform = `translateY(${place * HEIGHT}px)`;
    row.setAttribute("aria-rowindex", String(place + 1));
    row.setAttribute("aria-selected", String(exchange.number === this.selected));
    row.classList.toggle("opened", exchange.number === this.opened);
  }

  /** Return where an exchange stands, -1 where it does not: numbers fall from the top. */
  place(number) {
    let low = 0;
    let high = this.list.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.list[middle].number;
      if (found === number) return middle;
      if (found > number) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  select(number) {
    this.selected = number;
    const place = this.place(number);
    if (place >= 0) {
      const top = place * HEIGHT;
      if (top < this.box.scrollTop) this.box.scrollTop = top;
      else if (top + HEIGHT > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + HEIGHT - this.box.clientHeight;
    }
    this.draw();
  }

  /** Select what lies some rows further. */
  move(by) {
    if (!this.list.length) return;
    const from = this.selected === null ? -1 : this.place(this.selected);
    const start = from < 0 && by < 0 ? 0 : from;
    this.select(this.list[Math.min(this.list.length - 1, Math.max(0, start + by))].number);
  }
}

function blank() {
  const row = make("div", "row", ...["time", "method", "target", "route", "status", "took", "size", "notes"].map((name) => make("span", name)));
  row.setAttribute("role", "row");
  for (const cell of row.children) cell.setAttribute("role", "gridcell");
  return row;
}

function fill(row, exchange) {
  row.id = `row-${exchange.number}`;
  row.dataset.number = String(exchange.number);
  const [time, method, target, route, status, lasted, bytes, notes] = row.children;
  time.textContent = clock(exchange.at);
  method.textContent = exchange.method || "–";
  target.textContent = exchange.target || "(no request)";
  target.title = exchange.target;
  route.textContent = exchange.route;
  status.textContent = exchange.status || "–";
  status.className = `status ${statusClass(exchange.status)}`;
  lasted.textContent = took(exchange.took);
  bytes.textContent = size(exchange.sent);
  notes.replaceChildren(...marks(exchange));
}

/** Return what is out of the ordinary about an exchange. */
export function marks(exchange) {
  const found = [];
  if (exchange.replay !== null) found.push(make("span", "mark replayed", exchange.replay === "accepted" ? "replayed" : `replay ${exchange.replay}`));
  if (exchange.login !== null) found.push(make("span", "mark login", "login"));
  else if (exchange.waited && exchange.replay === null) found.push(make("span", "mark", "waited"));
  if (exchange.code !== null) found.push(make("span", "mark bad", exchange.code));
  else if (exchange.cut) found.push(make("span", "mark bad", "cut"));
  if (exchange.attempts > 1 && exchange.replay === null) found.push(make("span", "mark", `${exchange.attempts} attempts`));
  return found;
}
