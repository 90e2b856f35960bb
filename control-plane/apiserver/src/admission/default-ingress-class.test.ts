import type { Unstructured } from "@tsukube/api";
import { startCluster } from "@tsukube/testing";
import { expect, test } from "vitest";

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

test("an Ingress gets the default class, and nothing else that is called so", async () => {
  const cluster = await startCluster();
  try {
    const send = (path: string, body: object) => cluster.client.raw("POST", path, body) as Promise<Unstructured>;
    await send("/apis/networking.k8s.io/v1/ingressclasses", {
      metadata: { name: "usual", annotations: { "ingressclass.kubernetes.io/is-default-class": "true" } },
      spec: { controller: "example.com/usual" },
    });
    const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
    await send(DEFINITIONS, {
      metadata: { name: "ingresses.example.com" },
      spec: {
        ...{ group: "example.com", scope: "Namespaced", names: { plural: "ingresses", kind: "Ingress" } },
        versions: [{ name: "v1", served: true, storage: true, schema }],
      },
    });
    await cluster.clock.advance(1000);
    const made = async (group: string, spec: object): Promise<unknown> => {
      const ingress = { apiVersion: `${group}/v1`, kind: "Ingress", metadata: { name: "i" }, spec };
      return (await send(`/apis/${group}/v1/namespaces/default/ingresses`, ingress))["spec"];
    };
    const defaultBackend = { service: { name: "s", port: { number: 80 } } };
    expect(await made("networking.k8s.io", { defaultBackend })).toMatchObject({ ingressClassName: "usual" });
    expect(await made("example.com", { defaultBackend })).toEqual({ defaultBackend });
    const annotations = { "kubernetes.io/ingress.class": "other" };
    const twice = { metadata: { name: "twice", annotations }, spec: { defaultBackend, ingressClassName: "usual" } };
    await expect(send("/apis/networking.k8s.io/v1/namespaces/default/ingresses", twice)).rejects.toThrow(
      'ingress.class: Invalid value: "other": must match `ingressClassName` when both are specified',
    );
  } finally {
    await cluster.close();
  }
});
