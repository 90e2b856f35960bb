import { expect, test } from "vitest";
import { applyDefaults } from "../../defaults/index.ts";
import { fieldErrorMessage } from "../../status/field-error.ts";
import { validateCreate } from "../validate.ts";

const KIND = { group: "apps", version: "v1", kind: "StatefulSet" };

function problems(mounted: string): readonly string[] {
  const template = {
    metadata: { labels: { a: "b" } },
    spec: { containers: [{ name: "c", image: "i", volumeMounts: [{ name: mounted, mountPath: "/data" }] }] },
  };
  const claim = {
    metadata: { name: "data" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  };
  const spec = { selector: { matchLabels: { a: "b" } }, template, volumeClaimTemplates: [claim] };
  const set = { apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "s", namespace: "n" }, spec };
  return validateCreate(KIND, applyDefaults(KIND, set)).map(fieldErrorMessage);
}

test("containers of a StatefulSet mount the volumes of its claims", () => {
  expect(problems("data")).toEqual([]);
  expect(problems("other")).toEqual(['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "other"']);
});
