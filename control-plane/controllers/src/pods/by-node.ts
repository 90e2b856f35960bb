import type { Pod } from "@tsukube/api/types/core-v1";

/** The index "node" of pods, by the node that they are bound to. */
export const BY_NODE = { node: ({ spec }: Pod): readonly string[] => (spec?.nodeName ? [spec.nodeName] : []) };
