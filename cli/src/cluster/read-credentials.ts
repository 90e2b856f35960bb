import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { KeyPair } from "@tsukube/host/certificates";

/** What a process of the cluster needs of the keys that `up` made. @throws ENOENT before the first `up`. */
export async function readCredentials(folder: string) {
  const text = (name: string): Promise<string> => readFile(join(folder, name), "utf8");
  const pair = async (name: string): Promise<KeyPair> => ({
    cert: await text(`${name}.crt`),
    key: await text(`${name}.key`),
  });
  return {
    ca: await pair("ca"),
    serviceAccountKey: await text("sa.key"),
    apiserver: await pair("apiserver"),
    componentServing: await pair("component-serving"),
    kubeletServing: await pair("kubelet-serving"),
    kubelet: await pair("kubelet"),
    kubeProxy: await pair("kube-proxy"),
    provisioner: await pair("provisioner"),
    kubeletClient: await pair("apiserver-kubelet-client"),
    frontProxyClient: await pair("front-proxy-client"),
    frontProxyCa: await text("front-proxy-ca.crt"),
  };
}
