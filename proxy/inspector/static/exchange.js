// A row of the list, as proxy/inspector/shown.py lays it out, and what a search looks for in it.

const COLUMNS = ["number", "at", "method", "target", "route", "status", "took", "sent", "received", "attempts", "login",
  "replay", "code", "client", "id", "credential", "cut", "peer", "host", "waited"];

export function read(row) {
  const exchange = {};
  COLUMNS.forEach((name, place) => { exchange[name] = row[place]; });
  exchange.text = [exchange.method, exchange.target, exchange.route, exchange.status, exchange.code, exchange.client].join(" ").toLowerCase();
  return exchange;
}

export const statusClass = (status) => `s${Math.floor(status / 100)}`;
export const failed = (exchange) => exchange.status >= 400 || exchange.status === 0 || exchange.cut || exchange.code !== null;

const IS = {
  error: failed,
  replayed: (exchange) => exchange.replay !== null,
  login: (exchange) => exchange.login !== null,
  waited: (exchange) => exchange.waited,
  cut: (exchange) => exchange.cut,
  slow: (exchange) => exchange.took >= 1000,
};

const FIELDS = {
  status: (value) => {
    const digits = value.replace(/x/g, "");
    return (exchange) => String(exchange.status).startsWith(digits) && (value.includes("x") || digits === String(exchange.status));
  },
  method: (value) => (exchange) => exchange.method.toLowerCase() === value,
  route: (value) => (exchange) => exchange.route.toLowerCase() === value,
  host: (value) => (exchange) => exchange.host.toLowerCase().includes(value),
  client: (value) => (exchange) => (exchange.client ?? "").toLowerCase() === value,
  code: (value) => (exchange) => (exchange.code ?? "").includes(value),
  id: (value) => (exchange) => exchange.id.toLowerCase() === value,
  is: (value) => IS[value] ?? (() => false),
};

/** Return what tells whether an exchange is looked for: words that all have to fit, `-` before one that may not. */
export function search(text) {
  const tests = text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
    const not = word.length > 1 && word.startsWith("-");
    const plain = not ? word.slice(1) : word;
    const mark = plain.indexOf(":");
    const field = mark > 0 ? FIELDS[plain.slice(0, mark)] : undefined;
    const test = field ? field(plain.slice(mark + 1)) : (exchange) => exchange.text.includes(plain);
    return not ? (exchange) => !test(exchange) : test;
  });
  return (exchange) => tests.every((test) => test(exchange));
}
