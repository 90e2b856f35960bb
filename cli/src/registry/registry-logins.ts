import { messageOf } from "@tsukube/foundation";
import { CredentialHelper, type HelperLogin } from "./credential-helper.ts";
import { type DockerConfig, readDockerConfig, type StoredAuth, writeDockerConfig } from "./docker-config.ts";

/** As the Engine API takes it (AuthConfig). */
export interface Login {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
  readonly serveraddress: string;
}

export interface LoginPlace {
  /** Of docker's config.json. */
  readonly path: string;
  /** For helpers. */
  readonly env: NodeJS.ProcessEnv;
  /** Told of helpers that fail where it can go on without them. */
  readonly warn: (text: string) => void;
}

/** How docker's files call the hub. */
export const HUB = "https://index.docker.io/v1/";
/** A helper's user name for an identity token. */
const TOKEN = "<token>";

/** Logins at registries where the docker command has them, too: in its config.json, or with credential helpers. */
export class RegistryLogins {
  readonly #place: LoginPlace;

  constructor(place: LoginPlace) {
    this.#place = place;
  }

  /** @param registry "docker.io", "localhost:5000". A helper that fails is told of, and there is no login. */
  async of(registry: string): Promise<Login | undefined> {
    const config = await readDockerConfig(this.#place.path);
    return this.#tried(async () => this.#find(config, serverOf(registry)), undefined);
  }

  /** Everything that is known, by server. */
  async all(): Promise<Readonly<Record<string, Login>>> {
    const config = await readDockerConfig(this.#place.path);
    const found: Record<string, Login> = {};
    for (const [server, auth] of Object.entries(config.auths ?? {})) {
      const login = loginIn(server, auth);
      if (login !== undefined) found[server] = login;
    }
    const stored = await this.#tried(async () => this.#helper(config.credsStore)?.list() ?? [], []);
    const servers = [...stored, ...Object.keys(config.credHelpers ?? {})];
    await Promise.all(
      servers.map(async (server) => {
        const login = await this.#tried(async () => this.#find(config, server), undefined);
        if (login !== undefined) found[server] = login;
      }),
    );
    return found;
  }

  /** @returns where it is kept: a file's path, when it is there for whoever reads that. */
  async keep({ serveraddress, username = "", password = "", identitytoken = "" }: Login): Promise<string | undefined> {
    const { path } = this.#place;
    const config = await readDockerConfig(path);
    const helper = this.#helperFor(config, serveraddress);
    const secret =
      identitytoken === "" ? { Username: username, Secret: password } : { Username: TOKEN, Secret: identitytoken };
    if (helper !== undefined) await helper.store(serveraddress, secret);
    const auth = Buffer.from(`${username}:${identitytoken === "" ? password : ""}`).toString("base64");
    const plain = { auth, ...(identitytoken === "" ? {} : { identitytoken }) };
    const entry = helper === undefined ? plain : {}; // a helper's logins are listed without content, as docker does
    await writeDockerConfig(path, { ...config, auths: { ...config.auths, [serveraddress]: entry } });
    return helper === undefined ? path : undefined;
  }

  /** @returns whether there was a login. */
  async forget(server: string): Promise<boolean> {
    const { path } = this.#place;
    const config = await readDockerConfig(path);
    const helper = this.#helperFor(config, server);
    const known = helper === undefined ? undefined : await helper.get(server);
    if (known !== undefined) await helper?.erase(server);
    const auths = Object.entries(config.auths ?? {});
    const left = auths.filter(([other]) => hostOf(other) !== hostOf(server));
    if (left.length < auths.length) await writeDockerConfig(path, { ...config, auths: Object.fromEntries(left) });
    return known !== undefined || left.length < auths.length;
  }

  async #find(config: DockerConfig, server: string): Promise<Login | undefined> {
    const helper = this.#helperFor(config, server);
    const kept = await helper?.get(server);
    if (kept !== undefined) return fromHelper(server, kept);
    const fitting = Object.entries(config.auths ?? {}).filter(([other]) => hostOf(other) === hostOf(server));
    const exact = fitting.find(([other]) => other === server) ?? fitting[0];
    return exact === undefined ? undefined : loginIn(server, exact[1]);
  }

  /** A registry's own goes before the one for all. */
  #helperFor({ credHelpers, credsStore }: DockerConfig, server: string): CredentialHelper | undefined {
    return this.#helper(credHelpers?.[server] ?? credHelpers?.[hostOf(server)] ?? credsStore);
  }

  #helper(name: string | undefined): CredentialHelper | undefined {
    return name === undefined || name === "" ? undefined : new CredentialHelper(name, this.#place.env);
  }

  async #tried<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#place.warn(`going on without a login: ${messageOf(error)}`);
      return otherwise;
    }
  }
}

/** How docker's files call a registry. */
export function serverOf(registry: string): string {
  return registry === "docker.io" || registry === "index.docker.io" ? HUB : registry;
}

/** Entries may be URLs. */
function hostOf(server: string): string {
  return server.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}

function fromHelper(serveraddress: string, { Username, Secret }: HelperLogin): Login {
  if (Username === TOKEN) return { identitytoken: Secret, serveraddress };
  return { username: Username, password: Secret, serveraddress };
}

/** @returns undefined for an entry without content. */
function loginIn(serveraddress: string, entry: StoredAuth): Login | undefined {
  const { auth = "", username = "", password = "", identitytoken = "", registrytoken = "" } = entry;
  const pair = Buffer.from(auth, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  const named =
    colon < 0 ? { username, password } : { username: pair.slice(0, colon), password: pair.slice(colon + 1) };
  const parts = Object.entries({ ...named, identitytoken, registrytoken }).filter(([, value]) => value !== "");
  return parts.length === 0 ? undefined : { ...Object.fromEntries(parts), serveraddress };
}
