/**
 * A locally administered address made from an IPv4 one: an address that returns has the same neighbour entry.
 * @param prefix Two bytes: "0a:58" as the CNI plugins have it, "02:42" as Docker.
 */
export function macOf(prefix: "0a:58" | "02:42", address: string): string {
  return [prefix, ...address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"))].join(":");
}
