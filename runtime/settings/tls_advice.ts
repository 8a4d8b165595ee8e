/** What to do where a server's certificate is refused. */

/** The settings that an advice names. */
export interface TlsSettings {
  /** The one with the file of the authority. */
  readonly ca: string;
  /** The one with the server's address. */
  readonly address: string;
}

/**
 * Reads the message of an error met while connecting.
 *
 * @returns what to do, to follow a semicolon; null where the message tells of no certificate.
 * @example
 * ```ts
 * import { tlsAdvice } from "./tls_advice.ts";
 * const settings = { ca: "TWOFOLD_S3_CA", address: "TWOFOLD_S3_ENDPOINT" };
 * const advice = tlsAdvice("unable to verify the first certificate", settings);
 * if (!advice?.includes("TWOFOLD_S3_CA")) throw new Error("unexpected");
 * ```
 */
export function tlsAdvice(message: string, { ca, address }: TlsSettings): string | null {
  if (/unable to (verify|get)|self.signed|UnknownIssuer/i.test(message)) {
    return `set ${ca} to the file of the authority that signed the server's certificate`;
  }
  if (/does not match certificate|NotValidForName/i.test(message)) {
    return `the server's certificate has to hold the name by which it is reached: see ${address}`;
  }
  return /certificate has expired|CertExpired/i.test(message)
    ? "the server needs a new certificate"
    : null;
}
