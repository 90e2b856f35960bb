import { TsukubeError } from "@tsukube/foundation";

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly home: string;
}

/**
 * Resolves "user", "uid", "user:group" or "uid:gid" against an image's passwd and group files.
 * @param strict Groups are those given alone, not those of which the image says that the user is a member (KEP-3619).
 * @throws {TsukubeError} `no-such-user`; `invalid` for a number that is no id.
 */
export function resolveUser(
  wanted: string,
  passwd: string,
  group: string,
  extraGroups: readonly (string | number)[] = [],
  strict = false,
): ResolvedUser {
  const [user = "", groupName] = wanted.split(":", 2);
  const users = passwd.split("\n").map((line) => line.split(":"));
  const groups = group.split("\n").map((line) => line.split(":"));
  const numeric = /^-?\d+$/.test(user);
  const entry = users.find((fields) => (numeric ? fields[2] === user : fields[0] === (user || "root")));
  if (entry === undefined && !numeric && user !== "" && user !== "root") {
    throw new TsukubeError("no-such-user", `Cannot run as user "${user}": not in the image's /etc/passwd`);
  }
  const uid = checkedId(entry?.[2] ?? (numeric ? user : 0));
  const gid = groupName === undefined ? Number(entry?.[3] ?? 0) : groupId(groupName, groups);
  const member = groups.filter(
    (fields) => !strict && entry !== undefined && (fields[3] ?? "").split(",").includes(entry[0] ?? ""),
  );
  const all = new Set([
    gid,
    ...member.map((fields) => Number(fields[2])),
    ...extraGroups.map((name) => groupId(String(name), groups)),
  ]);
  return { uid, gid, groups: [...all], home: entry?.[5] || "/" };
}

const MAX_ID = 2 ** 31 - 1;

function checkedId(id: string | number): number {
  if (Number(id) >= 0 && Number(id) <= MAX_ID) return Number(id);
  throw new TsukubeError("invalid", `uids and gids must be in range 0-${MAX_ID}`);
}

function groupId(name: string, groups: readonly (readonly string[])[]): number {
  if (/^-?\d+$/.test(name)) return checkedId(name);
  const entry = groups.find((fields) => fields[0] === name);
  if (entry === undefined)
    throw new TsukubeError("no-such-user", `Cannot run as group "${name}": not in the image's /etc/group`);
  return Number(entry[2]);
}
