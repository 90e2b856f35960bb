// The guestbook's front end: renders the entries that the API gives, and takes new ones from a form.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { hostname } from "node:os";

const { API_URL, PORT, GREETING } = process.env;
const page = readFileSync("index.html", "utf8");

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

async function render() {
  const entries = await (await fetch(`${API_URL}/entries`)).json();
  const items = entries.map(({ name, text }) => `<li><b>${escape(name)}</b> ${escape(text)}</li>`);
  const greeting = `<li><i>${escape(GREETING)}</i></li>`;
  return page.replace("<!-- entries -->", [...items, greeting].join("\n")).replace("<!-- host -->", hostname());
}

async function sign(request) {
  let body = "";
  for await (const piece of request) body += piece;
  const form = new URLSearchParams(body);
  const entry = { name: form.get("name") ?? "", text: form.get("text") ?? "" };
  await fetch(`${API_URL}/entries`, { method: "POST", body: JSON.stringify(entry) });
}

const server = createServer(async (request, response) => {
  try {
    if (request.url === "/healthz") return response.end("ok\n");
    if (request.method === "POST") {
      await sign(request);
      return response.writeHead(303, { location: "/" }).end();
    }
    response.writeHead(200, { "content-type": "text/html" }).end(await render());
  } catch (error) {
    console.error(`${request.method} ${request.url}: ${error.message}`);
    response.writeHead(503).end("The guestbook is not ready yet. Try again in a moment.\n");
  }
});

server.listen(Number(PORT), () => console.log(`web: listening on ${PORT}`));
process.on("SIGTERM", () => server.close());
