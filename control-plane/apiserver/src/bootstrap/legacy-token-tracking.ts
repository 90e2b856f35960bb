import { formatTime } from "@tsukube/foundation";

/** Says since when uses of tokens in Secrets are noted: kube-controller-manager's cleaner waits for it. @param now Ms since the epoch. */
export function legacyTokenTracking(now: number): object {
  const metadata = { name: "kube-apiserver-legacy-service-account-token-tracking", namespace: "kube-system" };
  return { metadata, data: { since: formatTime(now).slice(0, 10) } };
}
