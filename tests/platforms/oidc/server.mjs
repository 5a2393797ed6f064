// An OAuth 2.0 server and what it protects, on one free loopback port: `node server.mjs '{"ttl": 60}'`, in seconds.
//
// /token, /token/revocation   oidc-provider's own; each client is named for the way in which it authenticates
// /api/…                      answers a live token of one of its audiences and the scope `read` with what arrived
// /seen                       how many logins were granted and refused, how many requests found their token dead
import { createServer } from "node:http";
import Provider, { errors } from "oidc-provider";

const AUDIENCES = ["https://api.example.com", "https://api.example.com/v1"];
const { ttl } = JSON.parse(process.argv[2]);
const seen = { granted: 0, refused: 0, dead: 0 };

function client(way) {
  return {
    client_id: `reports by ${way}`,
    client_secret: `the secret by ${way}: %+&=/"`,
    token_endpoint_auth_method: `client_secret_${way}`,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  };
}

function resourceServer(_context, audience) {
  if (!AUDIENCES.includes(audience)) throw new errors.InvalidTarget();
  return { scope: "read write", audience, accessTokenTTL: ttl, accessTokenFormat: "opaque" };
}

const provider = new Provider("http://localhost", {
  clients: [client("basic"), client("post")],
  scopes: ["read", "write"],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      // RFC 8707 calls it `resource`; older servers call it `audience`, or give one by themselves.
      defaultResource: (context) => context.oidc.body.audience ?? AUDIENCES[0],
      getResourceServerInfo: resourceServer,
    },
  },
});
provider.on("grant.success", () => (seen.granted += 1));
provider.on("grant.error", () => (seen.refused += 1));

async function guarded(context) {
  const [scheme, text] = (context.get("Authorization") || " ").split(" ");
  const token = scheme === "Bearer" ? await provider.ClientCredentials.find(text) : undefined;
  if (!token?.isValid) {
    seen.dead += 1;
    context.set("WWW-Authenticate", 'Bearer error="invalid_token"');
    return { status: 401, error: "invalid_token" };
  }
  const enough = AUDIENCES.includes(token.aud) && token.scope?.split(" ").includes("read");
  if (!enough) return { status: 403, error: "insufficient_scope" };
  return { status: 200, client: token.clientId, audience: token.aud, scope: token.scope, token: text };
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

provider.use(async (context, next) => {
  if (context.path === "/seen") {
    context.body = seen;
  } else if (context.path.startsWith("/api/")) {
    const sent = await body(context.req);
    const { status, ...told } = await guarded(context);
    context.status = status;
    context.body = { method: context.method, path: context.path, body: sent, ...told };
  } else {
    await next();
  }
});

const server = createServer(provider.callback());
server.listen(0, "127.0.0.1", () => console.log(`listens on ${server.address().port}`));
