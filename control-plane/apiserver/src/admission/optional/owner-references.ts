import { jsonEqual, type Unstructured } from "@tsukube/api";
import type { AdmissionAttributes, AdmissionPlugin, AuthorizationDecision, Authorizer } from "../../contracts.ts";
import type { Registry } from "../../registry/registry.ts";
import { refusal } from "../refusal.ts";

type OwnerReference = NonNullable<NonNullable<Unstructured["metadata"]>["ownerReferences"]>[number];

/** What an owner reference does its writer must be able to do: to delete the object, and to hold up the deletion of the owner. */
export function ownerReferencesPermission(registry: Registry, authorizer: Authorizer): AdmissionPlugin {
  return {
    name: "OwnerReferencesPermissionEnforcement",
    handles: ({ operation, resource, subresource }) =>
      (operation === "CREATE" || operation === "UPDATE") &&
      !(resource.group === "" && resource.resource === "pods" && subresource === "status"),
    async validate(attributes) {
      const { operation, object, oldObject } = attributes;
      if (jsonEqual(ownersOf(object), ownersOf(oldObject))) return;
      if (operation !== "CREATE") await mustDelete(attributes);
      const blocking = newlyBlocking(ownersOf(object), ownersOf(oldObject));
      if (blocking.length === 0) return;
      const all = { group: "*", version: "*", resource: "*" };
      if ((await finalizes(attributes, all, "", "*")).decision === "allow") return;
      for (const owner of blocking) await mustFinalize(attributes, owner);
    },
  };

  async function mustDelete(attributes: AdmissionAttributes): Promise<void> {
    const { context, resource, subresource, namespace, name } = attributes;
    const { decision, reason } = await authorizer.authorize({
      ...{ user: context.user, verb: "delete", isResource: true, path: "" },
      ...{ ...resource, subresource, namespace, name },
    });
    if (decision !== "allow")
      throw refusal(attributes, `cannot set an ownerRef on a resource you can't delete: ${reason}, <nil>`);
  }

  async function mustFinalize(attributes: AdmissionAttributes, owner: OwnerReference): Promise<void> {
    const [version = "", group = ""] = (owner.apiVersion ?? "").split("/").reverse();
    const definitions = [...registry.all()].filter(
      (one) => one.group === group && one.version === version && one.kind === owner.kind,
    );
    if (definitions.length === 0)
      throw refusal(
        attributes,
        `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${owner.apiVersion} Kind ${owner.kind}: no matches for kind "${owner.kind}" in version "${owner.apiVersion}"`,
      );
    for (const definition of definitions) {
      const namespace = definition.namespaced ? attributes.namespace : "";
      const { decision, reason } = await finalizes(attributes, definition, namespace, owner.name ?? "");
      if (decision !== "allow")
        throw refusal(
          attributes,
          `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${reason}, <nil>`,
        );
    }
  }

  function finalizes(
    { context }: AdmissionAttributes,
    { group, version, resource }: { readonly group: string; readonly version: string; readonly resource: string },
    namespace: string,
    name: string,
  ): Promise<AuthorizationDecision> {
    const of = { group, version, resource, subresource: "finalizers", namespace, name };
    return authorizer.authorize({ user: context.user, verb: "update", isResource: true, path: "", ...of });
  }
}

function ownersOf(object: Unstructured | undefined): readonly OwnerReference[] {
  return object?.metadata?.ownerReferences ?? [];
}

function newlyBlocking(next: readonly OwnerReference[], before: readonly OwnerReference[]): readonly OwnerReference[] {
  const didBlock = (uid: string | undefined): boolean =>
    before.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true);
  return next.filter((owner) => owner.blockOwnerDeletion === true && !didBlock(owner.uid));
}
