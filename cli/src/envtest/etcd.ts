import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { createHttpServer, type Exchange } from "@tsukube/host";
import { aborted, stopSignal } from "../processes/program.ts";
import { helpOf, parseFlags, wrong } from "./flags.ts";

const FLAGS = {
  "advertise-client-urls": { takes: "URLS", help: "Nobody else is told where this is: taken, and without effect." },
  "data-dir": { takes: "DIR", help: "Where kube-apiserver keeps the objects." },
  "listen-client-urls": { takes: "URL", help: "Where kube-apiserver finds this, over HTTP." },
  "listen-peer-urls": { takes: "URLS", help: "There are no peers: taken, and without effect." },
  "unsafe-no-fsync": { help: "Objects are written safely all the same: taken, and without effect." },
} as const;

const ABOUT =
  "Stands in for etcd under envtest: says that it is well, and tells the kube-apiserver beside it where to keep its objects.";

/** How the kube-apiserver of envtest learns that an etcd is this one. */
export interface EtcdPlace {
  readonly tsukube: { readonly dataDir: string };
}

/** Runs until it is told to stop. @throws {TsukubeError} `usage`. */
export async function serveEtcd(args: readonly string[]): Promise<void> {
  const given = parseFlags("etcd", FLAGS, args);
  if (given === undefined) {
    process.stdout.write(helpOf("etcd", ABOUT, FLAGS));
    return;
  }
  const url = new URL(given["listen-client-urls"]?.at(-1) ?? "http://127.0.0.1:2379");
  if (url.protocol !== "http:")
    throw wrong("etcd", `--listen-client-urls is ${url.href}`, "one URL that begins with http");
  const dataDir = resolve(given["data-dir"]?.at(-1) ?? "default.etcd");
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const stop = stopSignal();
  await using lifetime = new Lifetime();
  const server = lifetime.own(
    "listener",
    createHttpServer((exchange) => answer(exchange, dataDir)),
  );
  await server.listen(url.hostname.replace(/^\[(.*)\]$/, "$1"), Number(url.port || 80));
  await aborted(stop);
}

function answer(exchange: Exchange, dataDir: string): void {
  const place: EtcdPlace = { tsukube: { dataDir } };
  const known: Readonly<Record<string, object>> = { "/health": { health: "true", reason: "" }, "/version": place };
  const found = known[exchange.path];
  const text = `Cannot answer: this is no etcd, but what stands in for it under envtest; its objects are in ${dataDir}\n`;
  const type = found === undefined ? "text/plain" : "application/json";
  exchange.send(
    found === undefined ? 501 : 200,
    { "content-type": type },
    Buffer.from(found === undefined ? text : JSON.stringify(found)),
  );
}
