/** "0/3 nodes are available: 1 Insufficient memory, 2 node(s) were unschedulable." as upstream words it. */
export function notAvailable(nodes: number, reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodes} nodes are available:${parts.length > 0 ? ` ${parts.join(", ")}.` : ""}`;
}
