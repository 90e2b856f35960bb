/** How far a layer is. `digest` names its blob when it is pulled, its uncompressed archive when it is pushed. */
export interface LayerProgress {
  readonly digest: string;
  /**
   * A pull goes waiting, downloading, extracting, done, or straight to exists; a push goes waiting, uploading, done, or
   * straight to exists (the registry has it) or mounted (another repository there has it).
   */
  readonly state: "waiting" | "downloading" | "extracting" | "uploading" | "exists" | "mounted" | "done";
  /** Of `size`. */
  readonly bytes: number;
  readonly size: number;
}

export type OnProgress = (progress: LayerProgress) => void;

const LEAST_STEP = 256 * 1024;

/** Tells of one layer: each change of state, and bytes in steps of a hundredth, so that a slow listener is not flooded. */
export function layerTeller(
  digest: string,
  size: number,
  onProgress: OnProgress = () => {},
): (state: LayerProgress["state"], bytes?: number) => void {
  const step = Math.max(LEAST_STEP, size / 100);
  let last: LayerProgress | undefined;
  return (state, bytes = state === "waiting" ? 0 : size) => {
    const moved = Math.abs(bytes - (last?.bytes ?? 0)) >= step || bytes === size;
    if (state === last?.state && (!moved || bytes === last.bytes)) return;
    last = { digest, state, bytes, size };
    onProgress(last);
  };
}
