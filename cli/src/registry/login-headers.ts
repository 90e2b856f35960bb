import { parseReference } from "@tsukube/engine/reference";
import type { EngineHeaders } from "../cluster/engine-client.ts";
import { dockerConfigPath } from "./docker-config.ts";
import { RegistryLogins } from "./registry-logins.ts";

/** This user's logins at registries. */
export function ownLogins(): RegistryLogins {
  const warn = (text: string): void => void process.stderr.write(`tsukube: ${text}\n`);
  return new RegistryLogins({ path: dockerConfigPath(process.env), env: process.env, warn });
}

/** What a pull or a push of an image is sent with: the login at its registry. */
export async function transferHeaders(image: string): Promise<EngineHeaders> {
  const login = await ownLogins().of(parseReference(image).registry);
  return login === undefined ? {} : { "X-Registry-Auth": encoded(login) };
}

/** What a build is sent with: any registry may be one of its images' or of its cache. */
export async function buildHeaders(): Promise<EngineHeaders> {
  const logins = await ownLogins().all();
  return Object.keys(logins).length === 0 ? {} : { "X-Registry-Config": encoded(logins) };
}

function encoded(document: object): string {
  return Buffer.from(JSON.stringify(document)).toString("base64url");
}
