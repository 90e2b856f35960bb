import { isAbsolute } from "node:path";
import { messageOf } from "@tsukube/foundation";
import { type FieldReader, within } from "../../configuration/field-reader.ts";
import { Kubeconfig } from "../../configuration/kubeconfig.ts";

const VERSION = "apiserver.config.k8s.io/v1";
const FIELDS = ["kind", "apiVersion", "kubeConfigFile", "staticManifestsDir"];

/** Reads whom webhooks are asked as: a kubeconfig whose users are named by hosts. */
export function readWebhookCredentials(reader: FieldReader, at: string, raw: unknown): Kubeconfig | undefined {
  const { kind, apiVersion } = reader.members(at, raw);
  const isOld = apiVersion === "apiserver.config.k8s.io/v1alpha1" && kind === "WebhookAdmission";
  if (!isOld && !reader.isOf(at, raw, "WebhookAdmissionConfiguration", [VERSION])) return undefined;
  const { kubeConfigFile = "", staticManifestsDir } = reader.fields(at, raw, FIELDS);
  refuseManifests(reader, at, staticManifestsDir);
  const path = within(at, "kubeConfigFile");
  const file = reader.text(path, kubeConfigFile);
  if (file === "") return undefined;
  if (!isAbsolute(file)) reader.wrong(path, `"${file}"`, "an absolute path");
  try {
    return isAbsolute(file) ? Kubeconfig.read(file) : undefined;
  } catch (error) {
    reader.wrong(path, messageOf(error), "a kubeconfig");
    return undefined;
  }
}

/** Reads what policies are told. */
export function readPolicySettings(kind: string) {
  return (reader: FieldReader, at: string, raw: unknown): void => {
    if (!reader.isOf(at, raw, kind, [VERSION])) return;
    const { staticManifestsDir } = reader.fields(at, raw, ["kind", "apiVersion", "staticManifestsDir"]);
    refuseManifests(reader, at, staticManifestsDir);
  };
}

function refuseManifests(reader: FieldReader, at: string, folder: unknown): void {
  if (folder === undefined || folder === "") return;
  const expected = "its objects to be created through the API: manifests in a folder are not offered yet";
  reader.wrong(within(at, "staticManifestsDir"), String(folder), expected);
}
