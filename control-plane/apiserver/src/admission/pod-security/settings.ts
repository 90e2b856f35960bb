import { dnsLabel, dnsSubdomain } from "@tsukube/api";
import { type FieldReader, within } from "../../configuration/field-reader.ts";
import { LEVELS, levelNamed, MODES, type Mode, type Standard, type Standards, versionNamed } from "./policy.ts";

/** What holds for namespaces that say nothing, and whom it does not concern. */
export interface PodSecuritySettings {
  readonly defaults: Standards;
  readonly exemptions: Readonly<Record<Exempt, readonly string[]>>;
}

type Exempt = "usernames" | "namespaces" | "runtimeClasses";

const GROUP = "pod-security.admission.config.k8s.io";
const VERSIONS = ["v1", "v1beta1", "v1alpha1"].map((version) => `${GROUP}/${version}`);
const nonEmpty = (name: string): readonly string[] => (name === "" ? ["it is empty"] : []);

/** Reads pod-security.admission.config.k8s.io. */
export function readPodSecurity(reader: FieldReader, at: string, raw: unknown): PodSecuritySettings {
  reader.isOf(at, raw, "PodSecurityConfiguration", VERSIONS);
  const { defaults, exemptions } = reader.members(at, raw);
  const given = reader.members(within(at, "defaults"), defaults);
  const standard = (mode: Mode): Standard => {
    const [level, version] = [given[mode] || "privileged", given[`${mode}-version`] || "latest"].map(String);
    const path = within(at, `defaults.${mode}`);
    if (levelNamed(level!) === undefined) reader.wrong(path, `"${level}"`, `one of ${LEVELS.join(", ")}`);
    if (versionNamed(version!) === undefined)
      reader.wrong(`${path}-version`, `"${version}"`, "latest or such as v1.37");
    return { level: levelNamed(level!) ?? "restricted", version: versionNamed(version!) ?? Number.POSITIVE_INFINITY };
  };
  const [enforce, audit, warn] = MODES.map(standard) as [Standard, Standard, Standard];
  const exempt = reader.members(within(at, "exemptions"), exemptions);
  const names = (kind: Exempt, problems: (name: string) => readonly string[]): readonly string[] =>
    distinctNames(reader, within(at, `exemptions.${kind}`), exempt[kind], problems);
  return {
    defaults: { enforce, audit, warn },
    exemptions: {
      namespaces: names("namespaces", dnsLabel),
      runtimeClasses: names("runtimeClasses", dnsSubdomain),
      usernames: names("usernames", nonEmpty),
    },
  };
}

function distinctNames(
  reader: FieldReader,
  at: string,
  raw: unknown,
  problems: (name: string) => readonly string[],
): readonly string[] {
  const seen = new Set<string>();
  return reader.list(at, raw, (path, one) => {
    const name = reader.text(path, one);
    if (problems(name).length > 0) reader.wrong(path, `"${name}"`, "a name");
    if (seen.has(name)) reader.wrong(path, `"${name}" again`, "each name once");
    seen.add(name);
    return name;
  });
}
