import type {
  CustomResource,
  FieldError,
  GroupVersionKind,
  GroupVersionResource,
  ObjectSchema,
  Unstructured,
} from "@tsukube/api";
import type { RequestContext } from "../contracts.ts";

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
  readonly validate: (object: Unstructured, old: Unstructured | undefined) => readonly FieldError[];
  /** Asks the conversion webhook; absent where versions differ in apiVersion alone. @throws {ApiError} */
  readonly convert?: ConvertObjects;
  /** For the OpenAPI documents. */
  readonly openApi: CustomResource;
}

/** What differs from the generic behaviour. All functions are pure; objects are never modified. */
export interface Strategy {
  /** metadata.generation is kept: 1 at first, one more whenever `spec` (or what the function says) changes. */
  readonly generation: boolean;
  /** PUT of an absent object creates it. */
  readonly createOnUpdate: boolean;
  /** PUT without resourceVersion overwrites whatever is there. */
  readonly unconditionalUpdate: boolean;
  /** Has `status` that only the status endpoint writes. */
  readonly status: boolean;
  /** Who creates it may say its status as well. */
  readonly createdWithStatus?: boolean;
  /** A delete that ends the object answers with it, not with a Status. */
  readonly returnsDeleted: boolean;
  /** What becomes of dependents when a delete does not say; "none": there is no waiting for them at all. */
  readonly dependents: "background" | "orphan" | "none";
  /** Deleting waits for this many seconds (pods); undefined: at once. */
  gracePeriod?(object: Unstructured, asked: number | undefined): number | undefined;
  /** Defaults that ask for the time. @param now Ms since the epoch. */
  complete?(object: Unstructured, now: number): Unstructured;
  /**
   * Defaults for what `prepareForCreate` made come before the checks, not after them as upstream's: what is stored is then what was
   * found right, and is not looked at again in updates that leave it.
   */
  readonly checksWhole?: true;
  /** @param now Ms since the epoch. */
  prepareForCreate?(object: Unstructured, context: RequestContext, now: number): Unstructured;
  prepareForUpdate?(next: Unstructured, old: Unstructured, context: RequestContext): Unstructured;
  /** An update through a subresource that writes status. @param now Ms since the epoch. */
  prepareForStatus?(next: Unstructured, old: Unstructured, now: number): Unstructured;
  /** Finalizers that a delete puts on. */
  readonly holds?: readonly string[];
  /** What nobody comes to own through the main endpoint, besides status. */
  readonly resets?: readonly string[];
  /** What the beginning of a deletion writes into the object besides its marks. @param now Ms since the epoch. */
  prepareForDelete?(object: Unstructured, now: number): Unstructured;
  /** Warnings for the client about what it wrote. */
  warnings?(object: Unstructured): readonly string[];
  /** The field selectors besides metadata.name and metadata.namespace: where their value stands, or what makes it. */
  readonly fieldLabels?: Readonly<Record<string, string | ((object: Unstructured) => string)>>;
}
