import { type Check, oneOf } from "../check.ts";

/** When an image is pulled. */
export const pullPolicy: Check = oneOf("Always", "IfNotPresent", "Never");
