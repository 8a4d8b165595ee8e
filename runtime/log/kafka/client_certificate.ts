/** The certificate that is shown to brokers, and its key. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { UserError } from "../../std/errors.ts";
import { Secret } from "../../settings/setting_types.ts";

/** What a client shows to brokers that ask for a certificate (mutual TLS), PEM. */
export interface ClientCertificate {
  /** With those of the authorities between, where there are any. */
  readonly certificate: string;
  readonly key: Secret;
}

/**
 * A certificate with its key. It is looked at here because TLS itself passes over a key that it
 * cannot read, and shows nothing.
 *
 * @throws UserError that names the setting where one of them is none, or they do not belong together.
 */
export function clientCertificate(certificate: string, key: string): ClientCertificate {
  const shown = read(
    () => new X509Certificate(certificate),
    "TWOFOLD_KAFKA_CERT: its file holds no certificate in PEM",
  );
  const proof: KeyObject = read(
    () => createPrivateKey(key),
    "TWOFOLD_KAFKA_KEY: its file holds no private key in PEM that needs no passphrase",
  );
  if (!shown.checkPrivateKey(proof)) {
    throw new UserError(
      "Cannot use TWOFOLD_KAFKA_KEY: it is not the key of the certificate in TWOFOLD_KAFKA_CERT",
    );
  }
  return { certificate, key: new Secret(key) };
}

/** What the parser says tells nobody anything, and is left out. */
function read<T>(parse: () => T, fault: string): T {
  try {
    return parse();
  } catch {
    throw new UserError(`Cannot use ${fault}`);
  }
}
