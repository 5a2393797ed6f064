// What a program for Node.js does with HTTP: `node client.mjs BASE` writes what came of it as JSON.
import { createHash } from "node:crypto";
import http from "node:http";

const base = process.argv[2];
const hashed = (data) => createHash("sha256").update(data).digest("hex");
const pieces = Array.from({ length: 30 }, (_, number) => new Uint8Array(10000).fill(number));

async function body(path) {
  return hashed(Buffer.from(await (await fetch(base + path)).arrayBuffer()));
}

async function posted(body, more = {}) {
  const answer = await fetch(base + "/echo", { method: "POST", body, ...more });
  return { status: answer.status, ...(await answer.json()) };
}

async function head(path) {
  const answer = await fetch(base + path, { method: "HEAD" });
  return { status: answer.status, length: answer.headers.get("content-length"), body: await answer.text() };
}

function asked(agent, path, method, data) {
  return new Promise((resolve, reject) => {
    const request = http.request(base + path, { agent, method }, (answer) => {
      const port = answer.socket.localPort;
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ port, status: answer.statusCode, hash: hashed(Buffer.concat(parts)) }));
      answer.on("error", reject);
    });
    request.on("error", reject);
    for (const piece of data) request.write(piece);
    request.end();
  });
}

async function kept() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const answers = [];
  for (let number = 0; number < 10; number++) {
    answers.push(await asked(agent, number % 2 ? "/file" : "/chunked", "GET", []));
    answers.push(await asked(agent, "/echo", "POST", pieces));
  }
  agent.destroy();
  return {
    ports: new Set(answers.map((answer) => answer.port)).size,
    statuses: answers.map((answer) => answer.status),
    bodies: [...new Set(answers.filter((_, number) => number % 2 === 0).map((answer) => answer.hash))],
  };
}

function expected() {
  return new Promise((resolve, reject) => {
    let told = 0;
    const headers = { Expect: "100-continue" };
    const request = http.request(base + "/echo", { method: "PUT", headers }, async (answer) => {
      const parts = await answer.toArray();
      resolve({ told, ...JSON.parse(Buffer.concat(parts)) });
    });
    request.on("continue", () => {
      told += 1;
      request.end(Buffer.concat(pieces));
    });
    request.on("error", reject);
    request.flushHeaders();
  });
}

const json = JSON.stringify({ a: "ä", b: [1, 2, 3] });
console.log(JSON.stringify({
  file: await body("/file"),
  chunked: await body("/chunked"),
  text: await body("/text"),
  head: await head("/file"),
  json: await posted(json, { headers: { "Content-Type": "application/json" } }),
  stream: await posted(new ReadableStream({
    pull(controller) {
      if (this.next === pieces.length) controller.close();
      else controller.enqueue(pieces[this.next++]);
    },
    next: 0,
  }), { duplex: "half" }),
  aside: await Promise.all(Array.from({ length: 20 }, () => body("/file"))),
  kept: await kept(),
  expected: await expected(),
}));
