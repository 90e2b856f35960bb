import type { ImageConfig, ImageHistory } from "../images/image-document.ts";
import type { ImageRecord, NewLayer } from "../images/image-store.ts";
import { chainIds } from "../images/snapshotter.ts";

/** An image in the making: what a stage has come to. */
export interface ImageState {
  readonly base?: ImageRecord;
  /** Above the base. */
  readonly layers: readonly NewLayer[];
  readonly config: ImageConfig;
  /** CMD was set in this stage. */
  readonly ownCmd: boolean;
  /** Above the base's. */
  readonly history: readonly ImageHistory[];
  readonly author?: string;
  /** ARGs of a stage that is whole: those that begin with it know them, too. */
  readonly args?: ReadonlyMap<string, string>;
  /** When the last layer was made (RFC 3339). */
  readonly created?: string;
}

/** Names of the snapshots, lowest first. */
export function chainOf({ base, layers }: ImageState): readonly string[] {
  return [...(base?.chain ?? []), ...layers.map(({ chainId }) => chainId)];
}

export function diffIdsOf({ base, layers }: ImageState): readonly string[] {
  return [...(base?.diffIds ?? []), ...layers.map(({ diffId }) => diffId)];
}

/** One name for all the content: the chain id (OCI image spec, config.md). */
export function contentOf(state: ImageState): string {
  return chainIds(diffIdsOf(state)).at(-1) ?? "scratch";
}

/** The state after a step with its entry in the history. @param layer Absent when no file changed. */
export function advanced(
  state: ImageState,
  step: { readonly text: string; readonly layer?: NewLayer; readonly created?: string },
): ImageState {
  const created = step.created ?? state.created ?? state.base?.created;
  const entry: ImageHistory = {
    ...(created === undefined ? {} : { created }),
    created_by: step.text,
    ...(step.layer === undefined ? { empty_layer: true } : {}),
  };
  return {
    ...state,
    layers: step.layer === undefined ? state.layers : [...state.layers, step.layer],
    history: [...state.history, entry],
    ...(created === undefined ? {} : { created }),
  };
}
