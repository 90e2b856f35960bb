import type {
  CustomResource,
  FieldError,
  GroupVersionKind,
  GroupVersionResource,
  ObjectSchema,
  Strategy,
  Unstructured,
} from "@tsukube/api";

/** A resource as the generic endpoints serve it: built-in kinds and custom ones alike. */
export interface ResourceDefinition extends GroupVersionResource {
  readonly kind: string;
  readonly listKind: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly subresources: readonly { readonly name: string; readonly verbs: readonly string[] }[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly schema: ObjectSchema;
  /** Built-in kinds have protobuf and Go's field order; custom resources are JSON with sorted keys. */
  readonly typed: boolean;
  readonly storage: StorageForm;
  readonly strategy: Strategy;
  /** For everyone who still uses this version. */
  readonly deprecation?: Deprecation;
  /** A warning for everyone who writes one, because nothing acts on it. */
  readonly notice?: string;
  /** Warnings that take what the contract of a kind does not know: certificates. */
  warnings?(object: Unstructured): readonly string[];
  /** What a new object has to prove and the contract of its kind cannot check: signatures. */
  proofs?(object: Unstructured): readonly FieldError[];
  /** JSON paths of a custom resource's subresources and columns. */
  readonly custom?: CustomDetails;
}

export interface Deprecation {
  readonly warning: string;
  /** The release that will not have it, such as "1.40"; "": none is known. */
  readonly removed: string;
}

/** How objects of the resource are kept, whatever version a request speaks. */
interface StorageForm {
  /** "/registry/pods/"; the namespace and the name follow. */
  readonly prefix: string;
  readonly gvk: GroupVersionKind;
  readonly schema: ObjectSchema;
}

/** Objects of one kind in another version, in the same order. */
export type ConvertObjects = (objects: readonly Unstructured[], apiVersion: string) => Promise<readonly Unstructured[]>;

export interface CustomDetails {
  readonly scale?: {
    readonly specReplicasPath: string;
    readonly statusReplicasPath: string;
    readonly labelSelectorPath?: string;
  };
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly format?: string;
    readonly description?: string;
    readonly priority?: number;
    readonly jsonPath: string;
  }[];
  readonly selectableFields: readonly string[];
  /** Its conditions are stored: clients that find it in discovery take the definition for settled, and update it. */
  readonly isEstablished: boolean;
  /** It is being deleted with all that it defines: nothing is created any more. */
  readonly isTerminating: boolean;
  /** Brings a decoded object into form: prunes, fills defaults. Returns unknown field paths. */
  readonly prepare: (object: Unstructured) => { readonly object: Unstructured; readonly problems: readonly string[] };
  /** The same of an object that was read already: nulls that an apply or admission put where none may be stay, and are refused. */
  readonly complete: (object: Unstructured) => { readonly object: Unstructured; readonly problems: readonly string[] };
  /** Without what cannot be read of the types and metadata of one that lies in the store. */
  readonly sound: (object: Unstructured) => Unstructured;
  /** What lies in the store in another version: pruned, with the defaults of that version. */
  readonly whole: (object: Unstructured) => Unstructured;
  /** What was in another version, in this one: pruned; it has its defaults. */
  readonly converted: (object: Unstructured) => Unstructured;
  /** @param subresource By which it is changed: of "status", the status alone is looked at. */
  readonly validate: (
    object: Unstructured,
    old: Unstructured | undefined,
    subresource: string,
  ) => readonly FieldError[];
  /** Asks the conversion webhook; absent where versions differ in apiVersion alone. @throws {ApiError} */
  readonly convert?: ConvertObjects;
  /** For the OpenAPI documents. */
  readonly openApi: CustomResource;
}
