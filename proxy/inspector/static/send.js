// Sending through the gateway: again with a fresh token, edited, or new. A client key stays in this page's memory.

import { $, ask, button, make } from "./dom.js";

// What the gateway or the sending writes anew; masked values cannot be sent.
const OURS = new Set(["host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "upgrade", "expect", "via", "x-request-id",
  "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "proxy-connection"]);
let key = "";

/** Return an exchange as an order to send it again. */
export function order(told) {
  return {
    method: told.exchange.method,
    target: told.target,
    host: told.exchange.host,
    fields: told.request.fields.filter(([name, , remark]) => !remark && !OURS.has(name.toLowerCase())).map(([name, value]) => [name, value]),
    body: told.request.body.text ?? "",
  };
}

/** Have a request sent; `fresh` names the credential that logs in before. Returns status and request id. */
export async function send(what, fresh) {
  if (fresh) await ask(`/refresh/${encodeURIComponent(fresh)}`, {});
  return ask("/inspector/replay", { ...what, key });
}

/** Let a person edit an order and send it; `sent` is told what came of it. */
export function edit(what, credential, wantsKey, sent) {
  const dialog = $("send");
  const method = make("input", "mono");
  method.size = 8;
  method.value = what.method;
  method.setAttribute("aria-label", "Method");
  const target = make("input", "mono");
  target.value = what.target;
  target.setAttribute("aria-label", "Target");
  const host = make("input", "mono");
  host.value = what.host;
  const fields = make("textarea");
  fields.rows = 6;
  fields.value = what.fields.map(([name, value]) => `${name}: ${value}`).join("\n");
  const body = make("textarea");
  body.rows = 8;
  body.value = what.body;
  const fresh = make("input");
  fresh.type = "checkbox";
  const secret = make("input");
  secret.type = "password";
  secret.value = key;
  secret.autocomplete = "off";
  const wrong = make("span", "wrong");
  wrong.setAttribute("role", "alert");
  const go = make("button", "first", "Send");
  const form = make("form", "form",
    make("div", "line", method, target),
    make("label", "", "Host", host),
    make("label", "", "Fields, one a line; the credential is put in by the gateway", fields),
    make("label", "", "Body", body),
    ...(credential ? [make("label", "check", fresh, "log in anew first")] : []),
    ...(wantsKey ? [make("label", "", "Client key, for callers of this gateway; kept in this page alone", secret)] : []),
    make("div", "end", wrong, button("Cancel", () => dialog.close()), go));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    key = secret.value;
    go.disabled = true;
    wrong.textContent = "";
    const lines = fields.value.split("\n").filter((line) => line.trim());
    const pairs = lines.map((line) => [line.split(":", 1)[0].trim(), line.slice(line.indexOf(":") + 1).trim()]);
    try {
      const came = await send({ method: method.value.trim(), target: target.value.trim(), host: host.value.trim(), fields: pairs, body: body.value }, fresh.checked ? credential : "");
      dialog.close();
      sent(came);
    } catch (error) {
      wrong.textContent = error.message;
    } finally {
      go.disabled = false;
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  dialog.replaceChildren(make("h2", "", "Send through the gateway"), form);
  dialog.showModal();
  target.focus();
}
