import type { CniRequest, ContainerNetworks, PodNetwork } from "@tsukube/node-contracts";

/** A pod network where there is no cluster: pods and builds are on the network that containers have by default. */
export function bridgedPods(networks: ContainerNetworks): PodNetwork {
  const bridge = async () =>
    networks.find("bridge") ?? networks.ensure({ name: "bridge", internal: false, labels: {} });
  return {
    async add(request) {
      const { id } = await bridge();
      const before = networks.attachments.find(({ containerId }) => containerId === request.containerId);
      const attachment = before ?? (await networks.attach(attachmentOf(request, id)));
      const ports = request.portMappings.filter(({ hostPort }) => hostPort > 0);
      if (before === undefined && ports.length > 0) {
        await networks.publish(
          request.containerId,
          ports.map(({ protocol, hostIp, hostPort, containerPort }) => ({
            ...{ protocol, containerPort, containerAddress: attachment.address },
            hostAddress: hostIp === "0.0.0.0" ? "" : hostIp,
            hostPorts: [hostPort, hostPort] as const,
          })),
        );
      }
      return { ips: [attachment.address], gateway: attachment.gateway, macAddress: attachment.macAddress };
    },
    async remove({ containerId }) {
      await networks.unpublish(containerId);
      await networks.detach(containerId);
    },
    check: async () => {},
    status: async () => {},
    collect: async () => {}, // attachments are containers', too
  };
}

function attachmentOf({ containerId, netns, podName }: CniRequest, networkId: string) {
  return { containerId, networkId, netns, names: [podName], isDefault: true };
}
