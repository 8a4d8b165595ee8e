/** Certificates for servers on loopback, made by openssl. */
import { join } from "node:path";
import { requirePrograms, run } from "../../tools/services/service.ts";

/** Files of PEM text in one folder. */
export interface Certificates {
  /** The authority's. */
  readonly ca: string;
  /** The server's, or a client's, signed by it. */
  readonly certificate: string;
  readonly key: string;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

const openssl = (...args: string[]) => run({ program: "openssl", args });

/**
 * Makes an authority and a server's certificate.
 *
 * @param names what the server is reached by: `IP:127.0.0.1`, `DNS:localhost`.
 */
export async function makeCertificates(dir: string, names: string): Promise<Certificates> {
  await requirePrograms("This test", [{ name: "openssl", debianPackage: "openssl" }]);
  const at = (name: string) => join(dir, name);
  await openssl(
    "req",
    "-x509",
    ...KEY,
    "-days",
    "2",
    "-subj",
    "/CN=Authority of a test",
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.pem"),
  );
  return await signed(dir, "server", `subjectAltName=${names}`);
}

/** Makes a client's certificate, by the authority of {@link makeCertificates} in that folder. */
export function makeClientCertificate(dir: string): Promise<Certificates> {
  return signed(dir, "client", "extendedKeyUsage=clientAuth");
}

async function signed(dir: string, name: string, extension: string): Promise<Certificates> {
  const at = (file: string) => join(dir, file);
  const [certificate, key, request] = [`${name}.pem`, `${name}.key`, `${name}.csr`].map(at);
  await Deno.writeTextFile(at(`${name}.txt`), `${extension}\n`);
  await openssl(
    "req",
    ...KEY,
    "-subj",
    `/CN=The ${name} of a test`,
    "-keyout",
    key,
    "-out",
    request,
  );
  await openssl(
    "x509",
    "-req",
    "-days",
    "2",
    "-in",
    request,
    "-extfile",
    at(`${name}.txt`),
    "-CA",
    at("ca.pem"),
    "-CAkey",
    at("ca.key"),
    "-CAcreateserial",
    "-out",
    certificate,
  );
  return { ca: at("ca.pem"), certificate, key };
}
