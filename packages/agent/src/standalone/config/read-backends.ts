// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress, parseAddress } from '@fairlead/shared/address/address.ts';
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import type { EntryBackend } from './balancer-entry.ts';
import { PORT, type Section } from './section.ts';

/** What a back end may leave out. */
export interface BackendDefaults {
  /** `backendPort` of the entry. */
  readonly port: number | undefined;
  /** Back ends are reached by HTTP, this way unless their URL says otherwise; undefined: not by HTTP. */
  readonly scheme: 'http' | 'https' | undefined;
}

const WEIGHT = { min: 0, max: 65_535 };
const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** Reads one of `backends`: `address` and `port`, or a URL in `url` (or, as in old files, in `address`). */
export function readBackend(
  section: Section,
  { port: defaultPort, scheme }: BackendDefaults,
): EntryBackend | undefined {
  const givenPort = section.integer('port', PORT);
  const weight = section.integer('weight', WEIGHT) ?? 1;
  const key = section.has('url') ? 'url' : 'address';
  const place = section.parse(key, (text) =>
    scheme === undefined ? parseHost(text) : parseTarget(text, scheme),
  );
  section.string('address');
  section.string('url');
  section.finish();
  if (place === undefined) {
    if (!section.has(key)) section.problem('address', 'where the back end is, for example 192.0.2.10');
    return undefined;
  }
  const port = place.port ?? givenPort ?? defaultPort ?? (place.http && DEFAULT_PORTS[place.http.scheme]);
  if (port === undefined) {
    section.problem('port', 'a port, here or as backendPort of the load balancer');
    return undefined;
  }
  if (givenPort !== undefined && givenPort !== port) {
    section.problem('port', `${port} as in the URL, or none`);
    return undefined;
  }
  const { host, http } = place;
  return {
    host,
    isAddress: addressOf(host) !== undefined,
    port,
    weight,
    ...(http !== undefined && { http }),
  };
}

interface Place {
  readonly host: string;
  readonly port?: number;
  readonly http?: { readonly scheme: 'http' | 'https'; readonly basePath: string };
}

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*\.?$/i;
/** What nobody means as a name: `192.168.0.300`, `10.0.0`. */
const ONLY_NUMBERS = /^[\d.]+$/;

/** An address or a host name. */
export function parseHost(text: string): Parsed<Place> {
  const address = parseAddress(text);
  if (address.ok) return parsed({ host: formatAddress(address.value) });
  if (HOST_NAME.test(text) && !ONLY_NUMBERS.test(text)) return parsed({ host: text.toLowerCase() });
  return unparsable('an IP address or a host name (a URL only with type: http)');
}

/** A URL, or an address or name to which the usual scheme belongs. */
function parseTarget(text: string, scheme: 'http' | 'https'): Parsed<Place> {
  if (!text.includes('://')) {
    const host = parseHost(text);
    return host.ok ? parsed({ ...host.value, http: { scheme, basePath: '' } }) : host;
  }
  const expected = 'a URL such as https://192.0.2.10:6443, without user, query or fragment';
  if (!URL.canParse(text)) return unparsable(expected);
  const url = new URL(text);
  const given = url.protocol.slice(0, -1);
  const isPlain = [url.username, url.password, url.search, url.hash].every((part) => part === '');
  if ((given !== 'http' && given !== 'https') || !isPlain) return unparsable(expected);
  const host = parseHost(url.hostname.replace(/^\[(.*)\]$/, '$1'));
  if (!host.ok) return unparsable(expected);
  return parsed({
    host: host.value.host,
    ...(url.port !== '' && { port: Number(url.port) }),
    http: { scheme: given, basePath: url.pathname.replace(/\/+$/, '') },
  });
}
