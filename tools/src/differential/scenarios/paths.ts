import type { Scenario, Send } from "../exchange.ts";
import { namespaceFor } from "./lifecycle.ts";

/** Paths with escapes, with slashes too many, and with what no name may have. */
export function pathScenarios(): readonly Scenario[] {
  return [{ name: "paths with escapes", run: escapes }];
}

async function escapes(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "escapes");
  const path = `/api/v1/namespaces/${namespace}`;
  const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`;
  const rules = [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }];
  await send({ method: "POST", path: `${path}/configmaps`, body: { metadata: { name: "a.b-c" } } });
  await send({ method: "POST", path: roles, body: { metadata: { name: "r:s%" }, rules } });
  await send({ method: "POST", path: roles, body: { metadata: { name: "r s" }, rules } });
  await send({
    method: "POST",
    path: `${path}/services`,
    body: { metadata: { name: "x" }, spec: { ports: [{ port: 80 }] } },
  });
  const gets = [
    "/api%2Fv1",
    "/%61pi/v1",
    `/api/v1/namespaces%2F${namespace}`,
    `/api/v1/namespaces/${namespace.replace("d-", "%64-")}`,
    `${path}/configmaps/a%2Eb-c`,
    `${path}/configmaps/a.b%2Dc`,
    `${path}/configmaps/a%252Eb-c`,
    `${path}/configmaps%2Fa.b-c`,
    `${path}/configmaps/a.b-c%2F`,
    `${path}/configmaps/a.b-c/`,
    `${path}/configmaps//a.b-c`,
    `${path}//configmaps/a.b-c`,
    `${path}/configmaps/`,
    `${path}/configmaps/.`,
    `${path}/configmaps/..`,
    `${path}/configmaps/%2E`,
    `${path}/configmaps/a%20b`,
    `${path}/configmaps/a+b`,
    `${path}/configmaps/%C3%A9`,
    `${path}/configmaps/%00`,
    `${path}/configmaps/a%3Fb`,
    `${path}/configmaps/a%23b`,
    `${path}/configmaps/a;b`,
    `${path}/configmaps/a:b`,
    `${path}/configmaps/a@b,c=d&e`,
    `${path}/configmaps/${"a".repeat(300)}`,
    `${roles}/r:s%25`,
    `${roles}/r%3As%25`,
    `${roles}/r%20s`,
    `${roles}/r%2Fs`,
    `${path}/services/x%2Fproxy`,
    `${path}/services/x%2Fproxy/`,
    `${path}/services/x%2Fproxy%2Fy`,
    `${path}/services/x%3A80/proxy`,
    `${path}/services/x%3Anope/proxy/`,
    `${path}/services/nope/proxy/a%2Fb?c=d%2Fe`,
    `${path}/services/x/status%2F`,
    `${path}/services/x/%73tatus`,
    `${path}/services/x/nope`,
    `${path}/services/x/proxy%2Fa`,
    `${path}/pods/x%2Flog`,
    `${path}/pods/p%2Fexec?command=a`,
    `${path}/pods/nope/proxy/%2e%2e/x`,
    `${path}/pods/nope/log?container=a%20b`,
    "/api/v1/nodes/x%2Fproxy",
    "/api/v1/nodes/nope/proxy/logs/%2e%2e/",
    "/api/v1/watch/namespaces?timeoutSeconds=1&fieldSelector=metadata.name%3Dnope",
    `/api/v1/watch/namespaces/${namespace}/configmaps/a%2Eb-c?timeoutSeconds=1`,
    "/api/v1/watch",
    "/apis/apps/v1/watch/?a=<&",
    "/api/v1/watch/nope",
    "/api/v1/watch/configmaps/x",
    `/api/v1/watch/namespaces/${namespace}/pods/x/status`,
    "/api/v1/namespaces//configmaps/x",
    "/api/v1/namespaces//pods/x/log",
    `${path}/namespaces`,
    `${path}/configmaps/a.b-c//x`,
    "/apis//v1/pods",
    "/api/v1/namespaces/%20/pods",
    "/api/v1/namespaces/a%2Fb/pods",
    "/api/v1/namespaces/A_B/pods",
    "/api/v1/configmaps?labelSelector=nope",
    "/apis/apps/v1/deployments",
    "/apis/apps%2Fv1/deployments",
    "/apis/apps/v1/deployments%2F",
    "/apis/apps/v1%20/deployments",
    "/apis/apps//v1",
    "/apis//apps/v1",
    "/apis/",
    "/api/",
    "/api/v1/",
    "/api/v1//",
    "/apis/apps/",
    "/apis/apps/v1/",
    "/version/",
    "/version%2F",
    "/healthz/",
    "/healthz/ping/",
    "/healthz%2Fping",
    "/openapi/v3/",
    "/nope%2Fx",
    "/nope/a%20b",
    "/.well-known/openid-configuration/",
    "/API/v1",
    "/api/V1",
    `${path}/ConfigMaps`,
    `${path}/configmap`,
    `${path}/cm`,
  ];
  for (const each of gets) await send({ method: "GET", path: each });
  for (const each of gets.filter((one) => /services|pods|configmaps|roles/.test(one))) {
    await send({ method: "DELETE", path: `${each}${each.includes("?") ? "&" : "?"}dryRun=All` });
    await send({ method: "POST", path: each, body: {} });
    await send({ method: "PATCH", path: each, type: "application/merge-patch+json", body: {} });
  }
  for (const query of [
    "labelSelector=a%3Db",
    "labelSelector=a=b",
    "labelSelector=a%20in%20(b,c)",
    "labelSelector=a+in+(b)",
    "labelSelector=%zz",
    "labelSelector=a;limit=1",
    "labelSelector=&labelSelector=a%3Db",
    "limit=1&limit=2",
    "limit=%31",
    "fieldSelector=metadata.name%3Da%2Cb",
    "fieldSelector=metadata.name%3Da%5C%2Cb",
    "dryRun=%41ll",
    "&&limit=1&",
    "=x",
    "%6cimit=1",
    "pretty",
    "pretty=%74rue",
  ])
    await send({ method: "GET", path: `${path}/configmaps?${query}` });
}
