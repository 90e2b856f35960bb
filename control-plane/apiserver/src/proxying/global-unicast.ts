import { BlockList, isIP } from "node:net";

/** Loopback, link-local, multicast, unspecified and broadcast addresses. */
const OTHERS = new BlockList();
OTHERS.addAddress("0.0.0.0");
OTHERS.addAddress("255.255.255.255");
OTHERS.addSubnet("127.0.0.0", 8);
OTHERS.addSubnet("169.254.0.0", 16);
OTHERS.addSubnet("224.0.0.0", 4);
OTHERS.addAddress("::", "ipv6");
OTHERS.addAddress("::1", "ipv6");
OTHERS.addSubnet("fe80::", 10, "ipv6");
OTHERS.addSubnet("ff00::", 8, "ipv6");

/** Whether networks route to an address: it is none of a machine's own, nor of a group of machines. */
export function isGlobalUnicast(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && !OTHERS.check(address, family === 6 ? "ipv6" : "ipv4");
}
