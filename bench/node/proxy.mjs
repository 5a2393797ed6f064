// http-proxy as its documentation shows it, with an agent that keeps connections. Arguments: port, origin's URL, authority.
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import httpProxy from "http-proxy";

const [port, target, authority] = process.argv.slice(2);
const agent = authority
  ? new https.Agent({ keepAlive: true, ca: fs.readFileSync(authority) })
  : new http.Agent({ keepAlive: true });
const proxy = httpProxy.createProxyServer({
  target, agent, xfwd: true, secure: true, headers: { Authorization: "Bearer bench0123" },
});
proxy.on("error", (error, request, response) => {
  response.writeHead?.(502);
  response.end(String(error));
});
const server = http.createServer((request, response) => proxy.web(request, response));
server.keepAliveTimeout = 300_000;  // idle connections are a case, and 5 s would end them
server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
