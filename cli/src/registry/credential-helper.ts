import { codeOf, TsukubeError } from "@tsukube/foundation";
import { run } from "@tsukube/host";

/** What a helper keeps for a server. The user name "<token>" says that the secret is an identity token. */
export interface HelperLogin {
  readonly Username: string;
  readonly Secret: string;
}

/** A program `docker-credential-NAME` (protocol of docker-credential-helpers): one call a request, words on its streams. */
export class CredentialHelper {
  readonly name: string;
  readonly #env: NodeJS.ProcessEnv;

  /** @throws {TsukubeError} `usage` for a name that would be a path. */
  constructor(name: string, env: NodeJS.ProcessEnv) {
    if (!/^[\w.-]+$/.test(name))
      throw new TsukubeError(
        "usage",
        `Cannot use credential helper "${name}": expected NAME of docker-credential-NAME`,
      );
    this.name = name;
    this.#env = env;
  }

  /** @returns undefined when it knows none. */
  async get(server: string): Promise<HelperLogin | undefined> {
    const answer = await this.#ask("get", server);
    return answer === undefined ? undefined : this.#parsed<HelperLogin>(answer);
  }

  async store(server: string, login: HelperLogin): Promise<void> {
    await this.#ask("store", JSON.stringify({ ServerURL: server, ...login }));
  }

  async erase(server: string): Promise<void> {
    await this.#ask("erase", server);
  }

  /** Servers that it knows logins for. */
  async list(): Promise<readonly string[]> {
    const answer = (await this.#ask("list", "unused")) ?? "";
    return answer.trim() === "" ? [] : Object.keys(this.#parsed<Readonly<Record<string, string>>>(answer) ?? {});
  }

  async #ask(verb: string, input: string): Promise<string | undefined> {
    const program = `docker-credential-${this.name}`;
    const accept = Array.from({ length: 256 }, (_, code) => code);
    const { code, stdout, stderr } = await run(program, [verb], { input, env: this.#env, accept }).catch((cause) => {
      if (codeOf(cause) !== "not-found") throw cause;
      const remedy = "expected it in PATH, or another helper in docker's config.json";
      throw new TsukubeError("not-found", `Cannot run ${program}: there is no such program, ${remedy}`, { cause });
    });
    if (code === 0) return stdout;
    const said = `${stdout}\n${stderr}`.trim(); // by protocol it writes errors to its output
    if (said.includes("credentials not found")) return undefined;
    throw new TsukubeError(
      "failed",
      `Cannot ${verb} credentials with ${program}: ${said === "" ? `exit code ${code}` : said}`,
    );
  }

  #parsed<T>(text: string): T {
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new TsukubeError("failed", `Cannot read what docker-credential-${this.name} answers: it is no JSON`, {
        cause,
      });
    }
  }
}
