// The guestbook's API: GET /entries and POST /entries, kept in the store.
import { createServer } from "node:http";

const { STORE_URL, STORE_TOKEN, PORT, MAX_ENTRIES } = process.env;
const authorization = { authorization: `Bearer ${STORE_TOKEN}` };

async function entries() {
  const response = await fetch(`${STORE_URL}/entries`, { headers: authorization });
  if (response.status === 404) return [];
  if (!response.ok) throw new Error(`the store answered ${response.status}`);
  return response.json();
}

async function add(entry) {
  const all = [entry, ...(await entries())].slice(0, Number(MAX_ENTRIES));
  const response = await fetch(`${STORE_URL}/entries`, { method: "PUT", headers: authorization, body: JSON.stringify(all) });
  if (!response.ok) throw new Error(`the store answered ${response.status}`);
  return all;
}

async function bodyOf(request) {
  let text = "";
  for await (const piece of request) text += piece;
  return text;
}

async function answer(request) {
  if (request.url === "/healthz") return "ok";
  if (request.url === "/readyz") return (await entries()).length;
  if (request.url !== "/entries") return undefined;
  return request.method === "POST" ? add(JSON.parse(await bodyOf(request))) : entries();
}

const server = createServer(async (request, response) => {
  try {
    const body = await answer(request);
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? null));
  } catch (error) {
    console.error(`${request.method} ${request.url}: ${error.message}`);
    response.writeHead(503).end();
  }
});

server.listen(Number(PORT), () => console.log(`api: listening on ${PORT}`));
process.on("SIGTERM", () => server.close());
