import { realClock } from "@tsukube/host";

const PORT = 9229;

/** Evaluates an expression in a running Node process, by its inspector, which is closed again (SIGUSR1 opens it). */
export async function inspect<T>(pid: number, expression: string): Promise<T> {
  process.kill(pid, "SIGUSR1");
  const socket = await connect(pid);
  try {
    // the reply leaves before the inspector closes
    const closing = `setTimeout(() => process.getBuiltinModule("node:inspector").close(), 50); return value;`;
    const whole = `(async () => { const value = await (${expression}); ${closing} })()`;
    const answered = new Promise<{
      readonly result: { readonly result: { readonly value: T }; readonly exceptionDetails?: unknown };
    }>((resolve) =>
      socket.addEventListener("message", (event) => resolve(JSON.parse(String(event.data)) as never), { once: true }),
    );
    const params = { expression: whole, awaitPromise: true, returnByValue: true };
    socket.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params }));
    const { result } = await answered;
    if (result.exceptionDetails !== undefined) throw new Error(`Cannot evaluate ${expression} in process ${pid}`);
    return result.result.value;
  } finally {
    socket.close();
    await realClock.sleep(200); // the port is free for the next process
  }
}

async function connect(pid: number): Promise<WebSocket> {
  for (let tries = 0; tries < 50; tries++) {
    await realClock.sleep(50);
    const listed = await fetch(`http://127.0.0.1:${PORT}/json`).catch(() => undefined);
    if (listed === undefined) continue;
    const [target] = (await listed.json().catch(() => [])) as { readonly webSocketDebuggerUrl: string }[];
    if (target === undefined) continue;
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    return socket;
  }
  throw new Error(`Cannot inspect process ${pid}: no inspector on port ${PORT}, expected it to be free before`);
}
