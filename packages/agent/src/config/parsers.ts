// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress, isUnspecified } from '@fairlead/shared/address/address.ts';
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { parseDurationMs } from '@fairlead/shared/runtime/parse-values.ts';
import { hostNameOf } from '../dns/host-name.ts';

/** Where a server listens. An empty host: everywhere. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `:2112`, `0.0.0.0:2112`, `[::1]:2112`; empty = no server. */
export function parseListen(text: string): Parsed<ListenAddress | undefined> {
  if (text === '') return parsed(undefined);
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? Number.NaN);
  if (match === null || port > 65_535) return unparsable('[host]:port, for example :2112');
  return parsed({ host: match[1] ?? match[2] ?? '', port });
}

/** A port that needs no privilege; 0 = none. */
export function parseHealthPort(text: string): Parsed<number | undefined> {
  if (text === '0') return parsed(undefined);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port >= 1024 && port <= 65_535 ? parsed(port) : unparsable('0 (none) or a port from 1024 to 65535');
}

/** How much is told. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Go's slog levels, or the word. */
export function parseLogLevel(text: string): Parsed<LogLevel> {
  const word = text.toLowerCase();
  if (word === 'debug' || word === 'info' || word === 'warn' || word === 'error') return parsed(word);
  if (!/^-?\d{1,3}$/.test(text)) return unparsable('-4 (debug), 0 (info), 4 (warn), 8 (error) or the word');
  const level = Number(text);
  if (level < 0) return parsed('debug');
  if (level < 4) return parsed('info');
  return parsed(level < 8 ? 'warn' : 'error');
}

/** Names of links, comma-separated, in the letters that the kernel allows; empty = none said. */
export function parseLinks(text: string): Parsed<string | undefined> {
  if (text === '') return parsed(undefined);
  const names = text.split(',').map((name) => name.trim());
  const isUsable = names.every((name) => /^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..');
  return isUsable
    ? parsed(names.join(','))
    : unparsable('the name of a link such as eth0 (at most 15 letters), or several with commas');
}

/** Name of a namespace; empty = none said. */
export function parseNamespace(text: string): Parsed<string | undefined> {
  if (text === '') return parsed(undefined);
  return text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text)
    ? parsed(text)
    : unparsable('the name of a namespace: small letters, digits and dashes, at most 63');
}

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** Name of a Node; capitals become small letters, as kube-vip has it. Empty = none said. */
export function parseNodeName(text: string): Parsed<string | undefined> {
  if (text === '') return parsed(undefined);
  const name = text.toLowerCase();
  return name.length <= 253 && SUBDOMAIN.test(name)
    ? parsed(name)
    : unparsable('the name of a Node: letters, digits, dashes and dots, at most 253');
}

/** Name of a Secret. */
export function parseSecretName(text: string): Parsed<string> {
  return text.length <= 253 && SUBDOMAIN.test(text) ? parsed(text) : unparsable('the name of a Secret');
}

/** A `loadBalancerClass`, which is written like a label. */
export function parseClassName(text: string): Parsed<string> {
  return /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/.test(text)
    ? parsed(text)
    : unparsable('a class such as kube-vip.io/kube-vip-class');
}

/** `http://` or `https://`; empty = none said. */
export function parseHttpUrl(text: string): Parsed<URL | undefined> {
  if (text === '') return parsed(undefined);
  const url = URL.parse(text);
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  return url !== null && isHttp ? parsed(url) : unparsable('a URL such as https://127.0.0.1:6443/livez');
}

/** URL of an API server, or its host with or without a port; empty = none said. */
export function parseApiServer(text: string): Parsed<string | undefined> {
  if (text === '') return parsed(undefined);
  const whole = text.includes('://') ? text : `https://${text}`;
  const protocol = URL.parse(whole)?.protocol;
  const isHttp = (protocol === 'http:' || protocol === 'https:') && !/\s/.test(whole);
  return isHttp ? parsed(whole) : unparsable('a URL such as https://192.0.2.1:6443');
}

/** Path of a file; empty = none said. */
export function parsePath(text: string): Parsed<string | undefined> {
  return parsed(text === '' ? undefined : text);
}

/** `never`, or a duration in milliseconds once read. */
export function parseReformAfter(text: string): Parsed<number | undefined> {
  if (text === 'never') return parsed(undefined);
  const duration = parseDurationMs(text, { bareUnit: 's', minMs: 5_000, maxMs: 86_400_000 });
  return duration.ok ? duration : unparsable(`never, or ${duration.problem}`);
}

/** One entry of `address`. */
export interface AddressEntry {
  readonly kind: 'address' | 'name';
  /** Canonical. */
  readonly text: string;
}

/** What an entry may be. */
export const EXPECTED_ENTRIES =
  'IP addresses such as 192.0.2.10, or DNS names such as k8s.example.org, comma-separated';

/** Addresses and DNS names with commas. */
export function parseEntries(text: string): Parsed<readonly AddressEntry[]> {
  const entries: AddressEntry[] = [];
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const address = addressOf(part);
    const name = address === undefined ? hostNameOf(part) : undefined;
    if (name !== undefined) entries.push({ kind: 'name', text: name });
    else if (address !== undefined && !isUnspecified(address)) {
      entries.push({ kind: 'address', text: formatAddress(address) });
    } else {
      return unparsable(EXPECTED_ENTRIES);
    }
  }
  return entries.length > 0 ? parsed(entries) : unparsable(EXPECTED_ENTRIES);
}
