/** The network of Services as an object (KEP-1880). @param cidr Such as "10.160.0.0/16". */
export function serviceRange(cidr: string): object {
  const message = "Kubernetes default Service CIDR is ready";
  return {
    metadata: { name: "kubernetes" },
    spec: { cidrs: [cidr] },
    status: { conditions: [{ type: "Ready", status: "True", reason: "", message }] },
  };
}
