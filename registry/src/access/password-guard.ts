import { createHmac } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { type Clock, type Random, TsukubeError } from "@tsukube/foundation";
import { RegistryError } from "../registry-error.ts";
import type { Guard, Scope, Visitor } from "./access.ts";
import { PasswordChecks } from "./password-checks.ts";

interface Options {
  /** Lines of "user:hash", as `htpasswd -B` writes them. Read again when it changes. */
  readonly file: string;
  readonly realm: string;
  readonly clock: Clock;
  readonly random: Random;
  /** The program of the thread that checks passwords; that of the sources by default. */
  readonly program?: URL;
}

const BCRYPT = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;
/** Checked when there is no such user, so that the time of an answer does not tell who there is. */
const NOBODY = "$2b$10$qcUAtI9mCVRppiePa8bv5emBeti9U7C8B3No0R.E0GgbOlUnONR.q";
const WHOEVER: Visitor = { may: () => true };
const REMEMBER_MS = 5 * 60_000;
const MAX_REMEMBERED = 10_000;

/** Basic authentication (RFC 7617) by a file of users with bcrypt hashes. Whoever is in it may do everything. */
export class PasswordGuard implements Guard {
  readonly #options: Options;
  readonly #key: Uint8Array;
  /** Credentials that were right lately: a push is a hundred requests, and a check takes 50 ms. */
  readonly #right = new Map<string, number>();
  readonly #running = new Map<string, Promise<boolean>>();
  readonly #checks: PasswordChecks;
  #users: ReadonlyMap<string, string> = new Map();
  #version = "";

  private constructor(options: Options) {
    this.#options = options;
    this.#key = options.random.bytes(32);
    this.#checks = new PasswordChecks(options.program);
  }

  /** @throws {TsukubeError} `usage` when the file is not one of bcrypt hashes. */
  static async open(options: Options): Promise<PasswordGuard> {
    const guard = new PasswordGuard(options);
    await guard.#load();
    return guard;
  }

  async admit(authorization: string | undefined, _: readonly Scope[], address: string): Promise<Visitor> {
    const [, encoded] = /^basic +([A-Za-z0-9+/=]+)$/i.exec(authorization ?? "") ?? [];
    const pair = Buffer.from(encoded ?? "", "base64").toString("utf8");
    const colon = pair.indexOf(":");
    if (colon > 0 && (await this.#isRight(pair.slice(0, colon), pair.slice(colon + 1), address))) return WHOEVER;
    throw new RegistryError("UNAUTHORIZED", "Cannot let the request in: expected a user of this registry", {
      headers: { "www-authenticate": `Basic realm="${this.#options.realm}", charset="UTF-8"` },
    });
  }

  async #isRight(user: string, password: string, address: string): Promise<boolean> {
    await this.#load();
    const hash = this.#users.get(user);
    const name = createHmac("sha256", this.#key).update(`${user}\0${hash}\0${password}`).digest("base64");
    const now = this.#options.clock.now();
    if ((this.#right.get(name) ?? 0) > now) return true;
    const running =
      this.#running.get(name) ??
      this.#checks.isRight({ password, hash: hash ?? NOBODY }, address).finally(() => this.#running.delete(name));
    this.#running.set(name, running);
    if (!(await running) || hash === undefined) return false;
    if (this.#right.size >= MAX_REMEMBERED) this.#right.clear();
    this.#right.set(name, now + REMEMBER_MS);
    return true;
  }

  async #load(): Promise<void> {
    const { mtimeMs, size, ino } = await stat(this.#options.file);
    const version = `${ino} ${mtimeMs} ${size}`;
    if (version === this.#version) return;
    this.#users = parseUsers(await readFile(this.#options.file, "utf8"), this.#options.file);
    this.#version = version;
  }
}

/** @throws {TsukubeError} `usage`. */
function parseUsers(text: string, file: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const line of text.split("\n").map((each) => each.trim())) {
    if (line === "" || line.startsWith("#")) continue;
    const colon = line.indexOf(":");
    const hash = line.slice(colon + 1);
    if (colon < 1 || !BCRYPT.test(hash))
      throw new TsukubeError(
        "usage",
        `Cannot use "${file}": ${colon < 1 ? "a line" : `user "${line.slice(0, colon)}"`} has no bcrypt hash, expected what "htpasswd -B" writes`,
      );
    users.set(line.slice(0, colon), hash);
  }
  return users;
}
