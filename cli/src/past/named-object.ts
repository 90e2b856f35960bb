import { TsukubeError } from "@tsukube/foundation";

export interface NamedObject {
  readonly kind: string | undefined;
  readonly name: string | undefined;
  /** What was said after it. */
  readonly rest: string | undefined;
}

/**
 * What words say as kubectl takes them: "deployment web" or "deployment/web".
 * @param words Of which the last may be something else, where that is allowed. @throws {TsukubeError} `usage`.
 */
export function namedObject(words: readonly (string | undefined)[], mayFollow = false): NamedObject {
  const given = words.filter((word) => word !== undefined);
  const [first, ...others] = given;
  const slash = first?.indexOf("/") ?? -1;
  const [kind, name, rest, ...more] =
    first === undefined || slash < 0 ? given : [first.slice(0, slash), first.slice(slash + 1), ...others];
  if (kind === "" || name === "")
    throw new TsukubeError("usage", `Cannot tell which object "${first}" is: expected such as "deployment/web"`);
  if (more.length > 0 || (rest !== undefined && !mayFollow))
    throw new TsukubeError(
      "usage",
      `Cannot look at "${given.join(" ")}": expected a kind and a name, or "${kind}/${name}" alone`,
    );
  return { kind, name, rest };
}
