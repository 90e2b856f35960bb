import type { Unstructured } from "../object.ts";

/** Who writes, as authentication/v1.UserInfo, as far as what is written depends on it, and hears of what was probably not meant. */
interface Writer {
  warn(text: string): void;
  readonly user: {
    readonly name: string;
    readonly uid?: string;
    readonly groups: readonly string[];
    readonly extra: Readonly<Record<string, readonly string[]>>;
  };
}

/** What differs from the generic behaviour. All functions are pure; objects are never modified. */
export interface Strategy {
  /** metadata.generation is kept: 1 at first, one more whenever what is not status changes. */
  readonly generation: boolean;
  /** A change of annotations is one more as well. */
  readonly annotationsCount?: true;
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
  /** How many ms an update may wait for others with which it shares a commit; none by default. */
  patience?(next: Unstructured, old: Unstructured): number;
  /** @param now Ms since the epoch. */
  prepareForCreate?(object: Unstructured, writer: Writer, now: number): Unstructured;
  prepareForUpdate?(next: Unstructured, old: Unstructured): Unstructured;
  /** An update through a subresource that writes status. @param now Ms since the epoch. @param emptied Where empty lists were sent. */
  prepareForStatus?(
    next: Unstructured,
    old: Unstructured,
    now: number,
    emptied?: readonly (readonly string[])[],
  ): Unstructured;
  /** Finalizers that a delete puts on. */
  readonly holds?: readonly string[];
  /** What nobody comes to own through the main endpoint, besides status. */
  readonly resets?: readonly string[];
  /** What the beginning of a deletion writes into the object besides its marks. @param now Ms since the epoch. */
  prepareForDelete?(object: Unstructured, now: number): Unstructured;
  /** The field selectors besides metadata.name and metadata.namespace: where their value stands, or what makes it. */
  readonly fieldLabels?: Readonly<Record<string, string | ((object: Unstructured) => string)>>;
}

/** What most resources do. */
export const GENERIC: Strategy = {
  generation: false,
  createOnUpdate: false,
  unconditionalUpdate: true,
  status: false,
  returnsDeleted: false,
  dependents: "background",
};
