import { run } from "@tsukube/host";

/** Makes a network namespace send what is for 127.0.0.1 to a neighbour, as who attacks that one's loopback does. */
export async function leadLoopbackTo(netns: string, neighbour: string): Promise<void> {
  const script = `
    ip addr flush dev lo
    echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
    ip route replace 127.0.0.1/32 via ${neighbour} dev eth0 onlink`;
  await run("nsenter", [`--net=${netns}`, "sh", "-euc", script]);
}
