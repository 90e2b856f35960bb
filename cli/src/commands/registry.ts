import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Lifetime, TsukubeError } from "@tsukube/foundation";
import { createLogger, isAlive, lockHolder, realClock, systemRandom, writeAtomically } from "@tsukube/host";
import type { Guard, Registry } from "@tsukube/registry";
import { threadIn } from "../cluster/bundle-threads.ts";
import { alone } from "../cluster/command-lock.ts";
import { filesOf } from "../cluster/paths.ts";
import { bundleFolder, startSupervisor, stopProcess, supervisorOf } from "../cluster/supervisor.ts";
import { holdLock } from "../processes/hold.ts";
import { aborted, bundleHash } from "../processes/program.ts";
import type { CommandContext } from "./context.ts";

export interface RegistryFlags {
  readonly data: string;
  readonly listen: string;
  readonly background: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly htpasswd?: string;
  readonly tokenRealm?: string;
  readonly tokenService?: string;
  readonly tokenIssuer?: string;
  readonly tokenKey?: string;
  readonly proxy?: string;
  readonly proxyUser?: string;
  readonly proxyPasswordFile?: string;
  /** Milliseconds. */
  readonly keep?: number;
}

const START_MS = 20_000;
const LOOK_MS = 20;

/** `tsukube registry`: a registry for images, until Ctrl-C, or in the background until `down`. */
export async function registry(context: CommandContext, flags: RegistryFlags): Promise<void> {
  if (!flags.background) return serve(context, flags);
  addressOf(flags.listen);
  await alone(filesOf(context.paths).commandLock, context, () => startInBackground(context, flags));
  usage(context, flags, addressOf(flags.listen).port);
}

async function serve(context: CommandContext, flags: RegistryFlags): Promise<void> {
  const { paths } = context;
  const files = filesOf(paths);
  const { host, port } = addressOf(flags.listen);
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stop.abort());
  const logger = createLogger({
    ...{ level: "info", format: process.stderr.isTTY ? "text" : "json", now: realClock.now },
    write: (line) => process.stderr.write(line),
  });
  await using lifetime = new Lifetime();
  const isSupervised = supervisorOf(paths, "registry") === process.ppid;
  if (isSupervised) lifetime.add("lock", await holdLock(files.lock("registry"), bundleHash(), realClock, logger));
  const opened: Registry = await open(flags, logger);
  lifetime.own("registry", opened);
  const bound = await opened.listen(host, port, certificateOf(flags));
  if (isSupervised)
    await writeAtomically(files.ready("registry"), `${JSON.stringify({ pid: process.pid })}\n`, { durable: false });
  else usage(context, flags, bound);
  await aborted(stop.signal);
}

async function open(flags: RegistryFlags, logger: ReturnType<typeof createLogger>): Promise<Registry> {
  const injected = { clock: realClock, random: systemRandom };
  const { Registry } = await import("@tsukube/registry");
  const guard = await guardOf(flags);
  const { proxy, keep } = flags;
  const upstream = proxy === undefined ? undefined : await upstreamOf(flags, proxy);
  return Registry.open({
    ...{ ...injected, logger, folder: resolve(flags.data) },
    ...(guard === undefined ? {} : { guard }),
    ...(upstream === undefined ? {} : { upstream }),
    ...(keep === undefined ? {} : { keepMs: keep }),
  });
}

async function upstreamOf({ proxyUser, proxyPasswordFile }: RegistryFlags, url: string) {
  const { upstreamAt } = await import("../registry/upstream.ts");
  const password = proxyPasswordFile === undefined ? "" : textOf(proxyPasswordFile).trimEnd();
  const credentials = proxyUser === undefined ? {} : { username: proxyUser, password };
  return upstreamAt(url, credentials, { clock: realClock, random: systemRandom });
}

async function guardOf(flags: RegistryFlags): Promise<Guard | undefined> {
  const { htpasswd, tokenRealm, tokenService, tokenIssuer, tokenKey } = flags;
  const token = [tokenRealm, tokenService, tokenIssuer, tokenKey];
  if (htpasswd !== undefined && token.some((flag) => flag !== undefined))
    throw new TsukubeError("usage", "Cannot ask for passwords and for tokens: expected --htpasswd or --token-realm");
  const { PasswordGuard, TokenGuard } = await import("@tsukube/registry");
  if (htpasswd !== undefined) {
    textOf(htpasswd);
    const program = threadIn(bundleFolder(), "passwords");
    const injected = { clock: realClock, random: systemRandom, ...(program !== undefined && { program }) };
    return PasswordGuard.open({ file: resolve(htpasswd), realm: "Tsukube registry", ...injected });
  }
  if (token.every((flag) => flag === undefined)) return undefined;
  const [realm, service, issuer, key] = token;
  if (realm === undefined || service === undefined || issuer === undefined || key === undefined || !URL.canParse(realm))
    throw new TsukubeError(
      "usage",
      "Cannot check tokens: expected --token-realm (a URL), --token-service, --token-issuer and --token-key together",
    );
  return new TokenGuard({ realm, service, issuer, key: textOf(key), clock: realClock });
}

function certificateOf({ tlsCert, tlsKey }: RegistryFlags) {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined)
    throw new TsukubeError("usage", "Cannot serve HTTPS: expected --tls-cert and --tls-key together");
  return { cert: textOf(tlsCert), key: textOf(tlsKey) };
}

function textOf(file: string): string {
  if (existsSync(file)) return readFileSync(file, "utf8");
  throw new TsukubeError("usage", `Cannot read "${file}": there is no such file`);
}

function addressOf(text: string): { readonly host: string; readonly port: number } {
  const [, host = "", port = ""] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535)
    throw new TsukubeError("usage", `Cannot listen on "${text}": expected HOST:PORT, such as 127.0.0.1:5000`);
  return { host: host === "" ? "0.0.0.0" : host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}

async function startInBackground({ paths, clock, progress }: CommandContext, flags: RegistryFlags): Promise<void> {
  await progress.step("starting the registry", async () => {
    await stopProcess(paths, "registry", clock); // one that runs may have other flags
    startSupervisor(paths, "registry", [process.execPath, process.argv[1] ?? "", ...argumentsOf(paths.name, flags)]);
    const ready = filesOf(paths).ready("registry");
    for (const began = clock.monotonic(); clock.monotonic() - began < START_MS; await clock.sleep(LOOK_MS)) {
      if (!existsSync(ready)) continue;
      const { pid } = JSON.parse(readFileSync(ready, "utf8")) as { readonly pid: number };
      if (isAlive(pid) && lockHolder(filesOf(paths).lock("registry"))?.pid === pid) return;
    }
    throw new TsukubeError(
      "timeout",
      `Cannot start the registry: it does not answer; "tsukube logs registry" says why, ${join(filesOf(paths).logs, "registry.log")} too`,
    );
  });
}

/** Those that start the same in the foreground, from any folder. */
function argumentsOf(name: string, flags: RegistryFlags): readonly string[] {
  const { background: _, data, keep, ...rest } = flags;
  const files = new Set(["tlsCert", "tlsKey", "htpasswd", "tokenKey", "proxyPasswordFile"]);
  const others = Object.entries(rest).flatMap(([flag, value]) => [
    `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    files.has(flag) ? resolve(String(value)) : String(value),
  ]);
  const kept = keep === undefined ? [] : ["--keep", `${Math.ceil(keep / 1000)}s`];
  return ["--name", name, "registry", "--data", resolve(data), ...kept, ...others];
}

function usage({ paths, print }: CommandContext, flags: RegistryFlags, port: number): void {
  const { host } = addressOf(flags.listen);
  const shown = `${["0.0.0.0", "::"].includes(host) ? "localhost" : host.includes(":") ? `[${host}]` : host}:${port}`;
  const name = paths.name === "default" ? "" : ` --name ${paths.name}`;
  const what = flags.proxy === undefined ? "The registry" : `A cache of ${flags.proxy}`;
  print(
    `${what} is served at ${flags.tlsCert === undefined ? "http" : "https"}://${shown}; its data are in ${resolve(flags.data)}.`,
  );
  if (flags.proxy === undefined)
    print(
      `Use it:   tsukube${name} build -t ${shown}/app . && tsukube${name} image push ${shown}/app     or: docker push ${shown}/app`,
    );
  else print(`Use it:   tsukube${name} image pull ${shown}/NAME     or: docker pull ${shown}/NAME`);
  if (flags.background) print(`Stop:     tsukube${name} down`);
}
