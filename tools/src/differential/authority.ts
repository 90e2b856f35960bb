import { realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, openAuthority } from "@tsukube/host/certificates";

export const SERVICE_CIDR = "10.0.0.0/24";
const ADMIN = { commonName: "admin", organizations: ["system:masters"], usages: ["client"] } as const;

/** Keys for a server to compare, and for its client of system:masters. */
export async function authorityFor(hostNames: readonly string[]) {
  const keys = await createAuthorityKeys("ca", realClock, systemRandom);
  const authority = await openAuthority(keys, realClock, systemRandom);
  const serving = await authority.issue({ commonName: "server", sans: [...hostNames], usages: ["server"] });
  const admin = await authority.issue(ADMIN);
  return { ca: keys, serving, admin };
}
