import { readFileSync } from "node:fs";
import { type Lifetime, type Logger, messageOf, TsukubeError } from "@tsukube/foundation";
import { followFile } from "../configuration/followed-file.ts";
import { ReloadMetrics } from "../configuration/reload-metrics.ts";
import {
  type AuthorizationMode,
  type AuthorizationWebhookOptions,
  Authorizers,
  type AuthorizersDeps,
  settingsOf,
} from "./authorizers.ts";
import { type AuthorizerSettings, parseAuthorization } from "./configuration.ts";

export interface AuthorizationOptions {
  /** Who is asked what users may do, in this order: Node and RBAC without it. */
  readonly authorizationModes?: readonly AuthorizationMode[];
  /** Who is asked in the mode Webhook. */
  readonly authorizationWebhook?: AuthorizationWebhookOptions;
  /** In place of the modes: an AuthorizationConfiguration, which is read again when it changes. */
  readonly authorizationConfig?: string;
  /** Of the machine, by which metrics tell servers apart. */
  readonly hostname?: string;
}

export interface AuthorizationDeps extends Omit<AuthorizersDeps, "signal"> {
  readonly logger: Logger;
  /** Ends what others are asked, and that the configuration is followed. */
  readonly lifetime: Lifetime;
}

/** Modes without a configuration. */
const USUAL_MODES: readonly AuthorizationMode[] = ["Node", "RBAC"];

/** Those that the options name. @throws {TsukubeError} `usage` for options that are at odds, and for a configuration that is wrong. */
export function authorizersOf(
  { authorizationModes: modes, authorizationWebhook, authorizationConfig: path, hostname = "" }: AuthorizationOptions,
  { logger, lifetime, ...deps }: AuthorizationDeps,
): Authorizers {
  const made = (settings: readonly AuthorizerSettings[]): Authorizers =>
    new Authorizers(settings, { ...deps, signal: lifetime.signal });
  if (path === undefined) return made(settingsOf(modes ?? USUAL_MODES, authorizationWebhook));
  if (modes !== undefined)
    throw new TsukubeError(
      "usage",
      "--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined",
    );
  const { settings, text } = readAuthorization(path);
  const authorizers = made(settings);
  lifetime.add(
    "authorization configuration",
    followFile(
      { what: "authorization", path, text, use: (changed) => authorizers.use(parseAuthorization(changed)) },
      { clock: deps.clock, logger, metrics: new ReloadMetrics("authorization", deps.metrics, deps.clock, hostname) },
    ),
  );
  return authorizers;
}

/** @throws {TsukubeError} `usage`, naming the file and every mistake. */
export function readAuthorization(path: string): {
  readonly settings: readonly AuthorizerSettings[];
  readonly text: string;
} {
  try {
    const text = readFileSync(path, "utf8");
    return { settings: parseAuthorization(text), text };
  } catch (error) {
    throw new TsukubeError("usage", `Cannot use authorization configuration "${path}": ${messageOf(error)}`);
  }
}
