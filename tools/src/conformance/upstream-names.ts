/** Names of images by their identifiers, as Kubernetes' test/utils/image/manifest.go has them. */
export function namesIn(manifest: string): ReadonlyMap<string, string> {
  const registries = new Map(
    [...manifest.matchAll(/^\t+(\w+): +"(\S+)",$/gm)].map(([, id = "", url = ""]) => [id, url]),
  );
  const configs = manifest.matchAll(/configs\[(\w+)\] = Config\{list\.(\w+), "(\S+)", "(\S+)"\}/g);
  return new Map(
    [...configs].map(([, id = "", list = "", name, tag]) => [id, `${registries.get(list)}/${name}:${tag}`]),
  );
}
