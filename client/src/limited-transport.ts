import type { Transport } from "./transport.ts";

/**
 * Has no more than `most` requests under way; others wait in the order in which they came. One is under way until the head of its
 * answer is there: a watch that goes on hinders nobody.
 */
export function limitedTransport(transport: Transport, most: number): Transport {
  const waiting: (() => void)[] = [];
  let underWay = 0;
  return {
    async request(request) {
      if (underWay < most) underWay += 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await transport.request(request);
      } finally {
        const next = waiting.shift();
        if (next === undefined) underWay -= 1;
        else next(); // the place is handed on
      }
    },
    close: () => transport.close(),
  };
}
