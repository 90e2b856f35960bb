import { aggregateMessage, type FieldError, fieldErrorMessage } from "@tsukube/api";
import { TsukubeError } from "@tsukube/foundation";
import { FieldReader, type Fields } from "./field-reader.ts";

const GROUP = "apiserver.config.k8s.io";
const VERSIONS = ["v1", "v1beta1", "v1alpha1"].map((version) => `${GROUP}/${version}`);

/**
 * Reads a configuration of kube-apiserver, YAML or JSON, as strictly as upstream: of its kind, with fields that are known.
 * @param known Its fields. @throws {TsukubeError} `usage`, naming every mistake.
 */
export function readConfiguration<T>(
  text: string,
  kind: string,
  known: readonly string[],
  read: (reader: FieldReader, fields: Fields, version: string) => T,
): T {
  const reader = new FieldReader();
  const raw = text === "" ? undefined : reader.decoded(text);
  if (raw === undefined) throw new TsukubeError("usage", "empty config data");
  const isKnown = reader.isOf("", raw, kind, VERSIONS);
  const fields = isKnown ? reader.fields("", raw, ["kind", "apiVersion", ...known]) : {};
  const found = read(reader, fields, String(fields["apiVersion"]).slice(GROUP.length + 1));
  if (reader.mistakes.length > 0)
    throw new TsukubeError("usage", `Cannot use the ${kind}: ${reader.mistakes.join("; ")}`);
  return found;
}

/** @param what "authentication". @throws {TsukubeError} `usage`, with all of them. */
export function expectNoErrors(what: string, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  throw new TsukubeError("usage", `invalid ${what} configuration: ${aggregateMessage(errors.map(fieldErrorMessage))}`);
}
