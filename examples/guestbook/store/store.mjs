// A key-value store over HTTP that survives a crash: every write is appended to a log and synced before it is answered.
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";

const path = `${process.env.DATA}/log`;
const values = new Map();

function load() {
  let text = "";
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  for (const line of text.split("\n").slice(0, -1)) values.set(...JSON.parse(line));
}

load();
const log = openSync(path, "a");

function put(key, value) {
  writeSync(log, `${JSON.stringify([key, value])}\n`);
  fsyncSync(log);
  values.set(key, value);
}

async function bodyOf(request) {
  let text = "";
  for await (const piece of request) text += piece;
  return text;
}

const server = createServer(async (request, response) => {
  const key = decodeURIComponent(request.url.slice(1));
  if (request.url === "/healthz") return response.end("ok\n");
  if (request.headers.authorization !== `Bearer ${process.env.TOKEN}`) return response.writeHead(401).end();
  if (request.method === "PUT") {
    put(key, await bodyOf(request));
    return response.writeHead(204).end();
  }
  const value = values.get(key);
  return value === undefined ? response.writeHead(404).end() : response.end(value);
});

server.listen(Number(process.env.PORT), () => console.log(`store: ${values.size} keys, listening on ${process.env.PORT}`));
process.on("SIGTERM", () => server.close(() => closeSync(log)));
