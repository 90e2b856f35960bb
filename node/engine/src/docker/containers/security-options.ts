import { TsukubeError } from "@tsukube/foundation";

const NAMES = ["no-new-privileges", "seccomp", "apparmor", "label", "systempaths", "writable-cgroups"];

/** What `--security-opt NAME=VALUE` says; "" for the name alone, undefined where nothing is said. The last one counts. */
export function securityOption(options: readonly string[] | null | undefined, name: string): string | undefined {
  const found = (options ?? []).map(parsed).findLast((option) => option.name === name);
  return found?.value;
}

/** Whether one that is yes or no says yes. */
export function isSecurityOptionSet(options: readonly string[] | null | undefined, name: string): boolean {
  return ["", "true"].includes(securityOption(options, name) ?? "false");
}

/** @throws {TsukubeError} `invalid`; `unsupported` for what would not be applied. */
export function checkSecurityOptions(options: readonly string[]): void {
  for (const option of options) {
    const { name, value } = parsed(option);
    if (!NAMES.includes(name) || !isPossible(name, value))
      throw new TsukubeError("invalid", `invalid --security-opt 2: "${option}"`);
    // nothing else than this is done here: who asks for a profile counts on being confined by it
    const onlyValue = { apparmor: "unconfined", label: "disable" }[name];
    if (onlyValue !== undefined && value !== onlyValue)
      throw new TsukubeError(
        "unsupported",
        `Cannot confine a container with --security-opt ${option}: not there yet, expected ${name}=${onlyValue} or none`,
      );
  }
}

function isPossible(name: string, value: string): boolean {
  switch (name) {
    case "no-new-privileges":
      return ["", "true", "false"].includes(value);
    case "writable-cgroups":
      return ["true", "false"].includes(value);
    case "systempaths":
      return value === "unconfined";
    default:
      return value !== "";
  }
}

/** "name=value"; clients of old write "name:value". */
function parsed(option: string): { readonly name: string; readonly value: string } {
  const at = option.search(/[=:]/);
  return at < 0 ? { name: option, value: "" } : { name: option.slice(0, at), value: option.slice(at + 1) };
}
