import { apiVersionOf } from "@tsukube/api";
import type { ResourceDefinition } from "./definition.ts";

const customForms = new WeakMap<ResourceDefinition, string>();
let formCount = 0;

/** A name of what objects of the resource look like: custom resources look different when their definition changes. */
export function formOf(definition: ResourceDefinition): string {
  if (definition.typed) return apiVersionOf(definition);
  let form = customForms.get(definition);
  if (form === undefined) {
    formCount += 1;
    form = `${apiVersionOf(definition)} ${formCount}`;
    customForms.set(definition, form);
  }
  return form;
}
