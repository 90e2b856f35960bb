import { decodeUnstructured, type Unstructured } from "@tsukube/api";
import { codeOf, formatTime, TsukubeError } from "@tsukube/foundation";
import type { StoredRecord } from "@tsukube/store";
import type { Past } from "@tsukube/store/past";

/** Whoever is elected to run controllers, here or of upstream, renews it every two seconds. */
const LEASE = "/registry/leases/kube-system/kube-controller-manager";

/**
 * The revision that an etcd was at, at a time or up to a few seconds before: etcd knows no times, but there is a Lease in it that says when it was renewed.
 * @param past With values as the JSON of objects. @param time ms since the epoch. @throws {TsukubeError} `compacted`.
 */
export async function etcdRevisionAt(past: Pick<Past, "get" | "revision">, time: number): Promise<number> {
  // greatest revision that is certainly not too new: what is compacted is older than all that is kept
  let [low, high] = [0, past.revision];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const renewed = await renewalAsOf(past, middle);
    if (renewed !== undefined && renewed.time > time) high = middle - 1;
    else low = middle;
  }
  const found = await renewalAsOf(past, low);
  if (found !== undefined) return found.revision;
  throw new TsukubeError(
    "compacted",
    `Cannot look back to ${formatTime(time)}: etcd knows revisions alone and keeps no renewal of ${LEASE} from before, expected a later time or a revision`,
  );
}

async function renewalAsOf(past: Pick<Past, "get">, revision: number) {
  const record = await past.get(LEASE, revision).catch((error: unknown) => {
    if (codeOf(error) === "compacted") return undefined;
    throw error;
  });
  return record && { revision: record.revision, time: renewTimeOf(record) };
}

function renewTimeOf({ value }: StoredRecord): number {
  const { object } = decodeUnstructured<Unstructured & { readonly spec?: { readonly renewTime?: string } }>(value, {
    collectProblems: false,
  });
  return Date.parse(object.spec?.renewTime ?? "") || 0;
}
