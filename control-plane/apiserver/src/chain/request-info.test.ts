import { expect, test } from "vitest";
import { nameOf, parseRequestInfo } from "./request-info.ts";

test.each([
  ["GET", "/api/v1/namespaces/shop/configmaps/prices", "prices"],
  ["GET", "/api/v1/namespaces/shop/configmaps?fieldSelector=metadata.name%3Dprices", "prices"],
  ["GET", "/api/v1/namespaces/shop/configmaps?watch=1&fieldSelector=metadata.name%3D%3Dprices", "prices"],
  ["DELETE", "/api/v1/namespaces/shop/configmaps?fieldSelector=a%3Db,metadata.name%3Dprices", "prices"],
  ["GET", "/api/v1/namespaces/shop/configmaps?fieldSelector=metadata.name!%3Dprices", ""],
  ["GET", "/api/v1/namespaces/shop/configmaps", ""],
  ["POST", "/api/v1/namespaces/shop/configmaps?fieldSelector=metadata.name%3Dprices", ""],
])("%s %s is about %j", (method, target, name) => {
  expect(nameOf(parseRequestInfo(method, target))).toBe(name);
});
