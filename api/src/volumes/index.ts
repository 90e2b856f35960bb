export * from "./annotations.ts";
export * from "./bound-volume.ts";
export * from "./claim-match.ts";
export * from "./default-class.ts";
