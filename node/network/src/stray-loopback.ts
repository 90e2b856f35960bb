/**
 * A chain that drops what comes from a neighbour and is for this host's loopback: `route_localnet`, by which ports on localhost
 * lead on, would let it in (CVE-2020-8558). Before connections are tracked: answers to localhost still carry another address.
 * @param bridges From where; from everywhere but the loopback by default.
 */
export function dropStrayLoopback(bridges?: readonly string[]): readonly string[] {
  if (bridges?.length === 0) return [];
  const from =
    bridges === undefined ? 'iifname != "lo"' : `iifname { ${bridges.map((name) => `"${name}"`).join(", ")} }`;
  return [
    "  chain stray {",
    "    type filter hook prerouting priority -300;",
    `    ${from} ip daddr 127.0.0.0/8 drop`,
    "  }",
  ];
}
