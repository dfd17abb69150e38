// SPDX-License-Identifier: Apache-2.0
import { isIPv6 } from 'node:net';
import { connect } from 'node:tls';
import { addressOf, formatAddress } from '@fairlead/shared/address/address.ts';

/** The names in a certificate. */
export interface CertificateNames {
  readonly dns: readonly string[];
  /** Canonical text. */
  readonly addresses: readonly string[];
}

/** Where a server is reached, and by which name its certificate is checked (undefined: by the host of the URL). */
export interface ServerPlace {
  readonly server: string;
  readonly serverName: string | undefined;
}

/** Every API server has this name, but for odd ones. */
export const USUAL_NAME = 'kubernetes';

const LOOPBACK = '127.0.0.1';
const LIMIT_MS = 3_000;

/** Reads `subjectaltname` as node:tls gives it: `DNS:kubernetes, IP Address:10.96.0.1`. Pure. */
export function parseSubjectAltName(text: string): CertificateNames {
  const entries = text.split(',').map((entry) => entry.trim());
  const after = (prefix: string) =>
    entries.flatMap((entry) => (entry.startsWith(prefix) ? [entry.slice(prefix.length)] : []));
  return {
    dns: after('DNS:'),
    addresses: after('IP Address:').flatMap((entry) => {
      const address = addressOf(entry.toLowerCase());
      return address === undefined ? [] : [formatAddress(address)];
    }),
  };
}

/**
 * How to reach the API server of this node so that its certificate fits: by its loopback address and one of its names. A
 * certificate without names has addresses; of these the first counts that is not one of the control plane, which may lead to
 * another node. Pure.
 *
 * @returns undefined when the certificate has nothing of use
 */
export function placeOf(
  { dns, addresses }: CertificateNames,
  port: number,
  controlPlane: readonly string[],
): ServerPlace | undefined {
  const usable = dns.filter((name) => !name.includes('*'));
  const serverName = usable.includes(USUAL_NAME) ? USUAL_NAME : usable[0];
  if (serverName !== undefined) return { server: urlOf(LOOPBACK, port), serverName };
  const address = addresses.includes(LOOPBACK)
    ? LOOPBACK
    : addresses.find((each) => !controlPlane.includes(each));
  return address === undefined ? undefined : { server: urlOf(address, port), serverName: undefined };
}

/** The API server of this node, whose certificate has the usual name. Pure. */
export function usualPlace(port: number): ServerPlace {
  return { server: urlOf(LOOPBACK, port), serverName: USUAL_NAME };
}

function urlOf(host: string, port: number): string {
  return `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** Asks the server at the loopback address for its certificate. @throws the error of the connection. */
export function namesOfOwnServer(port: number): Promise<CertificateNames> {
  return new Promise((resolve, reject) => {
    // What is read here only says what to insist on later; nothing is sent.
    const socket = connect({ host: LOOPBACK, port, rejectUnauthorized: false }, () => {
      const { subjectaltname = '' } = socket.getPeerCertificate();
      socket.destroy();
      resolve(parseSubjectAltName(subjectaltname));
    });
    socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error(`no certificate within ${LIMIT_MS} ms`)));
    socket.on('error', reject);
  });
}
