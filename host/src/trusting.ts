import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";

/** What makes Node's TLS take a certificate for one of its `ca` without looking for who vouches for that one. */
interface Trust {
  readonly ca: string;
  readonly allowPartialTrustChain: true;
}

/**
 * TLS options by which these certificates are trusted and all that they vouch for, as Go trusts them: an authority between or a
 * server's own certificate is enough, the root of its chain need not be there.
 * @param ca PEM, of one or more.
 */
export function trusting(ca: string): Trust {
  return { ca, allowPartialTrustChain: true };
}

export interface TrustingOptions extends Partial<Trust> {
  readonly host: string;
  readonly port: number;
  /** Whose certificate it is to be; `host` by default. */
  readonly servername?: string;
}

/**
 * A TLS connection, once the server's certificate is believed. OpenSSL takes one for self-signed that has the name of its authority
 * and does not tell that one's key, such as Knative's webhooks make; whether the authority has signed it is looked at here, as Go does.
 * @throws what Node's TLS says of the certificate, or of the connection.
 */
export async function connectTrusting(options: TrustingOptions, signal: AbortSignal): Promise<TLSSocket> {
  const socket = await connected({ ...options, rejectUnauthorized: false }, signal);
  if (socket.authorized || isBelieved(socket, options)) return socket;
  socket.destroy();
  return connected(options, signal); // which tells what is wrong
}

function isBelieved(socket: TLSSocket, { ca, servername, host }: TrustingOptions): boolean {
  // of several problems the last one is told: dates and usages come after this one
  const isSelfSigned = (socket.authorizationError as unknown) === "DEPTH_ZERO_SELF_SIGNED_CERT";
  const shown = socket.getPeerX509Certificate();
  if (!isSelfSigned || shown === undefined || ca === undefined) return false;
  return isFor(shown, servername ?? host) && isSignedByOneOf(ca, shown);
}

function connected(options: ConnectionOptions, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ ...options, ALPNProtocols: ["http/1.1"] });
    const abort = (): void => void socket.destroy(signal.reason as Error);
    signal.addEventListener("abort", abort);
    const settled = (): void => signal.removeEventListener("abort", abort);
    socket.once("close", settled);
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      settled();
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

function isFor(certificate: X509Certificate, name: string): boolean {
  const found = isIP(name) === 0 ? certificate.checkHost(name, { subject: "never" }) : certificate.checkIP(name);
  return found !== undefined;
}

function isSignedByOneOf(ca: string, certificate: X509Certificate): boolean {
  const pems = ca.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return pems
    .map((pem) => new X509Certificate(pem))
    .some((one) => one.ca && isValidNow(one) && certificate.checkIssued(one) && certificate.verify(one.publicKey));
}

/** More than any chain has. */
const LONGEST = 10;

/** Whether a certificate that was shown is signed by one of these CAs (PEM), by itself or through those that were shown with it. */
export function leadsTo(shown: X509Certificate | undefined, ca: string): boolean {
  let one = shown;
  for (let steps = 0; one !== undefined && steps < LONGEST; steps += 1) {
    if (isSignedByOneOf(ca, one)) return true;
    const issuer: X509Certificate | undefined = one.issuerCertificate;
    if (issuer === undefined || !one.verify(issuer.publicKey)) return false;
    one = issuer;
  }
  return false;
}

function isValidNow({ validFrom, validTo }: X509Certificate): boolean {
  const now = Date.now();
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo);
}
