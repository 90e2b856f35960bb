import type { Pod, Secret } from "@tsukube/api/types/core-v1";
import type { AuthConfig } from "@tsukube/node-contracts/cri";

interface DockerConfig {
  readonly auths?: Readonly<
    Record<string, { readonly username?: string; readonly password?: string; readonly auth?: string }>
  >;
}

/** The credentials for an image's registry among the pod's imagePullSecrets (type kubernetes.io/dockerconfigjson). */
export async function pullSecretsOf(
  pod: Pod,
  image: string,
  secret: (name: string) => Promise<Secret | undefined>,
): Promise<AuthConfig | undefined> {
  const registry = registryOf(image);
  for (const { name = "" } of pod.spec?.imagePullSecrets ?? []) {
    const text = (await secret(name))?.data?.[".dockerconfigjson"];
    if (text === undefined) continue;
    const { auths = {} } = JSON.parse(Buffer.from(text, "base64").toString("utf8")) as DockerConfig;
    const found = Object.entries(auths).find(
      ([key]) => key.replace(/^https?:\/\//, "").split("/")[0] === registry,
    )?.[1];
    if (found === undefined) continue;
    const [username = "", ...rest] = Buffer.from(found.auth ?? "", "base64")
      .toString("utf8")
      .split(":");
    return { username: found.username ?? username, password: found.password ?? rest.join(":") };
  }
  return undefined;
}

function registryOf(image: string): string {
  const first = image.split("/")[0] ?? "";
  return image.includes("/") && (/[.:]/.test(first) || first === "localhost") ? first : "docker.io";
}
