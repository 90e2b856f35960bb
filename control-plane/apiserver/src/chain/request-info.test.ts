import { expect, test } from "vitest";
import { nameOf, parseRequestInfo } from "./request-info.ts";

test.each([
  ["GET", "/api/v1/namespaces/shop/configmaps/prices", "prices"],
  ["GET", "/api/v1/namespaces/shop/configmaps?fieldSelector=metadata.name%3Dprices", "prices"],
  ["GET", "/api/v1/namespaces/shop/configmaps?watch=1&fieldSelector=metadata.name%3D%3Dprices", "prices"],
  ["GET", "/api/v1/namespaces/shop/configmaps?fieldSelector=a%3Db,metadata.name%3Dprices", "prices"],
  ["GET", "/api/v1/namespaces/shop/configmaps?fieldSelector=metadata.name%3Da%5C,b", "a,b"],
  ["GET", "/api/v1/namespaces/shop/configmaps?fieldSelector=a!%3Db%5C,metadata.name%3Dprices", ""],
  ["GET", "/api/v1/namespaces/shop/configmaps?fieldSelector=metadata.name%3D..", ""],
  ["GET", "/api/v1/watch/namespaces/shop/configmaps?fieldSelector=metadata.name%3Dprices", ""],
  ["GET", "/api/v1/watch/namespaces/shop/configmaps/prices", "prices"],
  ["DELETE", "/api/v1/namespaces/shop/configmaps?fieldSelector=metadata.name%3Dprices", ""],
  ["GET", "/api/v1/namespaces/shop/configmaps?fieldSelector=metadata.name!%3Dprices", ""],
  ["GET", "/api/v1/namespaces/shop/configmaps", ""],
  ["POST", "/api/v1/namespaces/shop/configmaps?fieldSelector=metadata.name%3Dprices", ""],
])("%s %s is about %j", (method, target, name) => {
  expect(nameOf(parseRequestInfo(method, target))).toBe(name);
});

test("a path is decoded before the slashes around it are left out", () => {
  const pod = { isResource: true, namespace: "x", resource: "pods", name: "p", subresource: "", rest: "" };
  for (const path of [
    "/api/v1/namespaces/x/pods/p",
    "/api/v1/namespaces/x/pods/p%2F",
    "%2F/api/v1/namespaces/x/pods/p/%2f/",
  ])
    expect(parseRequestInfo("GET", path)).toMatchObject(pod);
  expect(parseRequestInfo("GET", "/%2F")).toMatchObject({ isResource: false });
});

test("what is no resource has its path decoded, and parameters that Go cannot read are none", () => {
  expect(parseRequestInfo("GET", "/api%2Fv1")).toMatchObject({ isResource: false, path: "/api/v1" });
  const { query } = parseRequestInfo("GET", "/api/v1/pods?labelSelector=%zz&a;limit=1&limit=%31&pretty");
  expect([...query]).toEqual([
    ["limit", "1"],
    ["pretty", ""],
  ]);
});

test.each([
  ["PUT", "update"],
  ["HEAD", "list"],
  ["DELETE", "deletecollection"],
  ["deletecollection", ""],
  ["post", ""],
  ["OPTIONS", ""],
  ["constructor", ""],
])("%s of a resource is the verb %j", (method, verb) => {
  expect(parseRequestInfo(method, "/api/v1/secrets")).toMatchObject({ isResource: true, verb });
});

test.each([
  ["/api/v1/namespaces/proxy/pods/proxy/proxy/proxy/a//b/", "/proxy/a//b/"],
  ["/api/v1/namespaces/x/services/http:proxy:80/proxy/%2Fa%20b", "/%2Fa%20b"],
  ["//api/v1/nodes/proxy/proxy%2Fhealthz", "/healthz"],
  ["/api/v1/nodes/proxy/proxy/", "/"],
  ["/api/v1/nodes/proxy/proxy", ""],
])("after the proxy of %s comes %j", (path, rest) => {
  expect(parseRequestInfo("GET", path)).toMatchObject({ subresource: "proxy", rest });
});
