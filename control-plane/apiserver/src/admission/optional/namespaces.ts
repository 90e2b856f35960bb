import { ApiError } from "@tsukube/api";
import type { Client } from "@tsukube/client";
import { messageOf } from "@tsukube/foundation";
import type { AdmissionAttributes, AdmissionPlugin } from "../../contracts.ts";
import type { WatchCache } from "../../storage/watch-cache.ts";
import { refusal } from "../refusal.ts";

const NAMESPACES = { group: "", version: "v1", resource: "namespaces" };

/** Makes the namespace of an object that is created, unless it is there. @param self The server's own way to itself. */
export function namespaceAutoProvision(cache: WatchCache, self: () => Client): AdmissionPlugin {
  return {
    name: "NamespaceAutoProvision",
    handles: (attributes) => attributes.operation === "CREATE" && !attributes.dryRun && isWithinNamespace(attributes),
    async mutate(attributes) {
      if (!isThere(cache, attributes.namespace)) await makeNamespace(self(), attributes);
      return attributes.object;
    },
  };
}

/** Refuses what is of a namespace that is not there. */
export function namespaceExists(cache: WatchCache): AdmissionPlugin {
  return {
    name: "NamespaceExists",
    handles: (attributes) => attributes.operation !== "CONNECT" && isWithinNamespace(attributes),
    async validate({ namespace }) {
      if (!isThere(cache, namespace)) throw ApiError.notFound({ group: "", resource: "namespaces" }, namespace);
    },
  };
}

function isWithinNamespace({ namespace, kind }: AdmissionAttributes): boolean {
  return namespace !== "" && !(kind.group === "" && kind.kind === "Namespace");
}

function isThere(cache: WatchCache, namespace: string): boolean {
  return cache.get(`/registry/namespaces/${namespace}`) !== undefined;
}

/** @throws {ApiError} 403, unless it is there now, whoever made it. */
async function makeNamespace(self: Client, attributes: AdmissionAttributes): Promise<void> {
  try {
    await self.resource(NAMESPACES).create({ metadata: { name: attributes.namespace } });
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === "AlreadyExists")) throw refusal(attributes, messageOf(error));
  }
}
