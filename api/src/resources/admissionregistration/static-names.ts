import { staticNameWarnings, webhookWarnings } from "../../warnings/cluster.ts";
import type { Warner } from "../../warnings/warner.ts";

/** Of names that only files of the server may have. */
export const staticName: Warner = (object, old) => (old === undefined ? [] : staticNameWarnings(object));

/** Of names, and of webhooks that would intercept more than was meant. */
export const webhooks: Warner = (object, old) => [...staticName(object, old), ...webhookWarnings(object)];
