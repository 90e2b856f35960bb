import type { Random } from "@tsukube/foundation";
import { type Clock, TsukubeError } from "@tsukube/foundation";
import type { BuildInputs } from "../build/contracts.ts";
import type { DockerDeps, DockerRequest, Route } from "./contracts.ts";
import type { Fields } from "./document-shape.ts";

/** Nothing is lent. */
const NOTHING: BuildInputs = { secrets: new Map(), agents: new Map() };
/** How long they wait for their build. */
const WAIT_MS = 60_000;
const MAX_SECRET = 500 * 1024;
const ID = /^[\w.-]{1,128}$/;

interface InputsDocument {
  /** By id, in base64. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Sockets of this machine, by id. */
  readonly agents?: Readonly<Record<string, string>>;
}

const INPUT_FIELDS: Fields<InputsDocument> = { secrets: { tableOf: "string" }, agents: { tableOf: "string" } };

/**
 * What builds are lent, until they begin: `POST /build/inputs` answers with an id, which `POST /build?inputs=ID` takes, once. An
 * extension of ours: the classic build has no place for secrets, and a query would show them in logs.
 */
export class WaitingInputs {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #waiting = new Map<string, BuildInputs>();

  constructor({ clock, random }: Pick<DockerDeps, "clock" | "random">) {
    this.#clock = clock;
    this.#random = random;
  }

  route(): Route {
    return {
      method: "POST",
      path: /^\/build\/inputs$/,
      handle: async (request) => ({ status: 200, json: { Id: await this.#put(request) } }),
    };
  }

  /** @throws {TsukubeError} `invalid` for an id that is unknown, or was taken. */
  take(id: string): BuildInputs {
    if (id === "") return NOTHING;
    const inputs = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (inputs !== undefined) return inputs;
    throw new TsukubeError("invalid", `Cannot find build inputs "${id}": they are there once, for a minute`);
  }

  async #put(request: DockerRequest): Promise<string> {
    const { secrets = {}, agents = {} } = await request.json<InputsDocument>(INPUT_FIELDS);
    const inputs = {
      secrets: new Map(Object.entries(secrets).map(([id, value]) => [checked(id), decoded(id, value)])),
      agents: new Map(Object.entries(agents).map(([id, socket]) => [checked(id), String(socket)])),
    };
    const id = Buffer.from(this.#random.bytes(16)).toString("hex");
    this.#waiting.set(id, inputs);
    this.#clock.after(WAIT_MS, () => this.#waiting.delete(id), { background: true });
    return id;
  }
}

/** An id may be part of a path. */
function checked(id: string): string {
  if (ID.test(id) && !/^\.+$/.test(id)) return id;
  throw new TsukubeError("invalid", `Cannot use id "${id}": expected letters, digits, "_", "." and "-"`);
}

function decoded(id: string, value: string): Buffer {
  const bytes = Buffer.from(String(value), "base64");
  if (bytes.length <= MAX_SECRET) return bytes;
  throw new TsukubeError("invalid", `Cannot use secret "${id}": ${bytes.length} bytes, expected at most ${MAX_SECRET}`);
}
