import { allResources, apiVersionOf } from "@tsukube/api";
import type { Scenario } from "../exchange.ts";

const AGGREGATED = "g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const ACCEPTS = [
  "",
  "*/*",
  "application/json",
  "application/yaml",
  "application/vnd.kubernetes.protobuf",
  `application/json;${AGGREGATED}`,
  `application/vnd.kubernetes.protobuf;${AGGREGATED}`,
  `application/json;${AGGREGATED.replace("v2", "v2beta1")},application/json`,
  `application/json;${AGGREGATED.replace("v2", "v3")},application/json`,
  `application/json;${AGGREGATED.replace("v2", "v3")}`,
  "text/html",
];

/** What a server says about itself: groups, versions, resources, documents, health. */
export function discoveryScenarios(): readonly Scenario[] {
  const groups = [...new Set(allResources().map(apiVersionOf))];
  const roots = ["/api", "/apis", "/api/", "/apis/", "/api/v1", "/apis/apps", "/apis/apps/v1", "/apis/apps/"];
  return [
    {
      name: "discovery in every form",
      async run(send) {
        for (const path of roots) for (const accept of ACCEPTS) await send({ method: "GET", path, accept });
      },
    },
    {
      name: "discovery of groups",
      async run(send) {
        for (const version of groups)
          await send({ method: "GET", path: version === "v1" ? "/api/v1" : `/apis/${version}` });
        for (const group of new Set(
          groups.filter((version) => version !== "v1").map((version) => version.split("/")[0]),
        ))
          await send({ method: "GET", path: `/apis/${group}` });
      },
    },
    {
      name: "paths without resources",
      async run(send) {
        for (const path of [
          ...[
            "/",
            "/version",
            "/version/",
            "/healthz",
            "/livez",
            "/readyz",
            "/healthz/ping",
            "/livez/ping",
            "/readyz/ping",
          ],
          ...[
            "/healthz?verbose",
            "/readyz?verbose&exclude=ping",
            "/livez?exclude=nope",
            "/readyz/nope",
            "/healthz/etcd",
          ],
          ...[
            "/nope",
            "/apis/nope",
            "/apis/nope/v1",
            "/apis/nope/v1/things",
            "/api/v2",
            "/apis/apps/v2",
            "/apis/apps/v2/x",
          ],
          ...[
            "/apis/apps/v1/nope",
            "/api/v1/nope",
            "/api/v1/namespaces/default/nope",
            "/api/v1/namespaces/default/nope/x",
          ],
          ...[
            "/.well-known/openid-configuration",
            "/openid/v1/jwks",
            "/openapi/v2/",
            "/openapi",
            "/openapi/v3/",
            "/swagger.json",
          ],
          ...[
            "/api/v1/pods/x",
            "/api/v1/namespaces/default/nodes",
            "/api/v1/namespaces/default/nodes/n",
            "/api/v1//pods",
          ],
          ...[
            "/metrics/nope",
            "/logs",
            "/debug/pprof/cmdline",
            "/configz",
            "/ui",
            "/statusz",
            "/flagz",
            "/apis/apps/v1/",
          ],
        ])
          for (const accept of ["application/json", "*/*"]) await send({ method: "GET", path, accept });
        for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "NOPE"])
          for (const path of ["/", "/api", "/apis", "/apis/apps", "/apis/apps/v1", "/version", "/healthz", "/nope"])
            await send({ method, path });
      },
    },
    {
      name: "OpenAPI",
      async run(send) {
        await send({ method: "GET", path: "/openapi/v3" });
        for (const version of groups)
          await send({ method: "GET", path: version === "v1" ? "/openapi/v3/api/v1" : `/openapi/v3/apis/${version}` });
        for (const path of [
          "/openapi/v3/api",
          "/openapi/v3/apis",
          "/openapi/v3/version",
          "/openapi/v3/apis/apps",
          "/openapi/v3/nope",
          "/openapi/v3/.well-known/openid-configuration",
          "/openapi/v3/openid/v1/jwks",
          "/openapi/v3/logs",
        ])
          await send({ method: "GET", path });
        await send({ method: "GET", path: "/openapi/v2" });
      },
    },
  ];
}
