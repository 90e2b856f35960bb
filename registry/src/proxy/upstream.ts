/** The registry that a cache fetches from. What it gives is not verified yet. */
export interface Upstream {
  /**
   * @param reference A tag or a digest.
   * @throws {TsukubeError} `not-found` when there is none, `unauthorized`; other codes when it cannot be asked.
   */
  manifest(
    name: string,
    reference: string,
    signal: AbortSignal,
  ): Promise<{ readonly mediaType: string; readonly bytes: Buffer }>;
  /** @throws as {@link manifest}; the content throws when it breaks off. */
  blob(
    name: string,
    digest: string,
    signal: AbortSignal,
  ): Promise<{ readonly size: number; readonly content: AsyncIterable<Uint8Array> }>;
}
