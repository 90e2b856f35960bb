import type { Unstructured } from "@tsukube/api";
import type { Service } from "@tsukube/api/types/core-v1";
import type { AdmissionPlugin } from "../../contracts.ts";
import { refusal } from "../refusal.ts";

/** Services get no external IPs that they had not before: who may set them takes over an address (CVE-2020-8554). */
export const denyServiceExternalIps: AdmissionPlugin = {
  name: "DenyServiceExternalIPs",
  handles: ({ operation, resource, subresource }) =>
    (operation === "CREATE" || operation === "UPDATE") &&
    resource.group === "" &&
    resource.resource === "services" &&
    subresource === "",
  async validate(attributes) {
    const before = externalIps(attributes.oldObject);
    if (externalIps(attributes.object).some((ip) => !before.includes(ip)))
      throw refusal(attributes, "Use of external IPs is denied by admission control");
  },
};

function externalIps(object: Unstructured | undefined): readonly string[] {
  return (object as Service | undefined)?.spec?.externalIPs ?? [];
}
