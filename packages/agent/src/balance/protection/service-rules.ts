// SPDX-License-Identifier: Apache-2.0
import { addressOf, FAMILIES } from '@fairlead/shared/address/address.ts';
import { formatRange } from '@fairlead/shared/address/range.ts';
import type {
  ConnectionRate,
  ProtectedPort,
  ProtectedService,
  ProtectionPolicy,
  SourceEntry,
} from './policy.ts';
import type { Verdict } from './protector.ts';
import {
  FAMILY_WORDS,
  type FamilyWords,
  MOST_SOURCES,
  noteFlood,
  sourceAtPort,
  sourceAtPortType,
} from './skeleton.ts';
import { disjoint } from './sources.ts';

/** Verdicts that are counted for each Service. */
export const SERVICE_VERDICTS = [
  'outside-ranges',
  'blocked',
  'bogus-flags',
  'connection-rate',
  'open-connections',
  'syn-proxied',
  'allowed',
] as const satisfies readonly Verdict[];

/** What a new TCP connection begins with. */
const FIRST_PACKET = 'tcp flags & (fin | syn | rst | ack) == syn';
/** What clients send otherwise. A SYN with ACK is the answer of a server, and no server talks to these ports. */
const CLIENT_FLAGS = '{ syn, ack, fin | ack, rst, rst | ack }';
/** How long a source's rate is remembered; a bucket that nobody drew from for so long is full again. */
const RATE_MEMORY_SECONDS = 60;

/** One named set of nftables. */
export interface NamedSet {
  readonly name: string;
  /** What stands between its braces. */
  readonly definition: string;
}

/** A set that is filled from a list of a Service. */
export interface SourceSet extends NamedSet {
  readonly entries: readonly SourceEntry[];
}

/** Part of the names of everything that belongs to a Service: nftables knows letters, digits, dots, dashes and underscores. */
export function idOf(service: string): string {
  return service
    .replace(/[^A-Za-z0-9/-]/gu, (char) => `_${char.codePointAt(0)?.toString(16) ?? ''}_`)
    .replaceAll('/', '.');
}

/** Families that the Service has ports in. */
export function familiesOf({ ports }: ProtectedService): readonly FamilyWords[] {
  return FAMILIES.filter((family) => ports.some(({ address }) => addressOf(address)?.family === family)).map(
    (family) => FAMILY_WORDS[family],
  );
}

/** Whether new connections are looked at one by one. */
export function hasLimits({ connectionRate, openConnections }: ProtectionPolicy): boolean {
  return connectionRate !== undefined || openConnections !== undefined;
}

/** Whether the SYN proxy may answer at this port. */
export function isProxied({ protocol }: ProtectedPort, { synProxy }: ProtectionPolicy): boolean {
  return protocol === 'tcp' && synProxy !== 'off';
}

/** The lists of the Service, those that are needed. */
export function ownSets(service: ProtectedService): readonly SourceSet[] {
  const { sourceRanges, allowed, blocked } = service.policy;
  const lists = [
    { kind: 'ranges', entries: (sourceRanges ?? []).map((range) => ({ range, untilMs: undefined })) },
    { kind: 'allowed', entries: allowed },
    { kind: 'blocked', entries: blocked },
  ];
  return familiesOf(service).flatMap(({ suffix, type }) =>
    lists.flatMap(({ kind, entries }) => {
      const ofFamily = entries.filter(({ range }) => `${range.family}` === suffix);
      if (ofFamily.length === 0) return [];
      const name = `${kind}${suffix}.${idOf(service.service)}`;
      return [{ name, definition: `type ${type}; flags interval,timeout;`, entries: ofFamily }];
    }),
  );
}

/** The dynamic sets that these limits count in. Equal limits count in the same set, as the port is part of the key. */
export function sharedSets(service: ProtectedService): readonly NamedSet[] {
  const { connectionRate, openConnections, blockForSeconds } = service.policy;
  return familiesOf(service).flatMap((words) => {
    const type = `type ${sourceAtPortType(words)}; size ${MOST_SOURCES};`;
    const fading = `${type} flags dynamic,timeout;`;
    const sets: NamedSet[] = [];
    if (connectionRate !== undefined) {
      const definition = `${fading} timeout ${RATE_MEMORY_SECONDS}s;`;
      sets.push({ name: rateSet(words, connectionRate), definition });
    }
    if (openConnections !== undefined)
      sets.push({ name: openSet(words, openConnections), definition: `${type} flags dynamic;` });
    if (hasLimits(service.policy) && blockForSeconds !== undefined)
      sets.push({ name: offenders(words), definition: fading });
    return sets;
  });
}

/** Rules of the Service's chain in `arrival`, in their order. */
export function arrivalRules(service: ProtectedService): readonly string[] {
  return familiesOf(service).flatMap((words) => [
    ...sourceRules(service, words),
    ...(service.policy.dropBogusFlags
      ? [
          `meta nfproto ipv${words.suffix} tcp flags & (fin | syn | rst | ack) != ${CLIENT_FLAGS} ${drop('bogus-flags', service)}`,
        ]
      : []),
    ...allowedRule(service, words, `counter name ${counterOf('allowed', service.service)} accept`),
    ...blockRules(service, words),
    ...synProxyRules(service, words),
  ]);
}

/** Rules of the Service's chain for new connections, in their order. */
export function connectionRules(service: ProtectedService): readonly string[] {
  const { connectionRate, openConnections, blockForSeconds } = service.policy;
  return familiesOf(service).flatMap((words) => {
    const key = sourceAtPort(words);
    const block =
      blockForSeconds === undefined
        ? ''
        : `update @${offenders(words)} { ${key} timeout ${blockForSeconds}s } `;
    const rules = [...allowedRule(service, words, 'return')];
    if (connectionRate !== undefined) {
      const { perSecond, burst } = connectionRate;
      const exceeds = `limit rate over ${perSecond}/second burst ${burst} packets`;
      rules.push(
        `update @${rateSet(words, connectionRate)} { ${key} ${exceeds} } ${block}${drop('connection-rate', service)}`,
      );
    }
    if (openConnections !== undefined) {
      const exceeds = `ct count over ${openConnections}`;
      rules.push(
        `add @${openSet(words, openConnections)} { ${key} ${exceeds} } ${block}${drop('open-connections', service)}`,
      );
    }
    return rules;
  });
}

/** A family without a range lets nobody in: the ranges name all who may come. */
function sourceRules(service: ProtectedService, { suffix, ip }: FamilyWords): readonly string[] {
  const { sourceRanges } = service.policy;
  if (sourceRanges === undefined) return [];
  const hasAny = sourceRanges.some(({ family }) => `${family}` === suffix);
  const outside = hasAny
    ? `${ip} saddr != @ranges${suffix}.${idOf(service.service)}`
    : `meta nfproto ipv${suffix}`;
  return [`${outside} ${drop('outside-ranges', service)}`];
}

function allowedRule(
  service: ProtectedService,
  { suffix, ip }: FamilyWords,
  verdict: string,
): readonly string[] {
  const hasAny = service.policy.allowed.some(({ range }) => `${range.family}` === suffix);
  return hasAny ? [`${ip} saddr @allowed${suffix}.${idOf(service.service)} ${verdict}`] : [];
}

function blockRules(service: ProtectedService, words: FamilyWords): readonly string[] {
  const { blocked, blockForSeconds } = service.policy;
  const { suffix, ip } = words;
  const rules: string[] = [];
  if (blocked.some(({ range }) => `${range.family}` === suffix))
    rules.push(`${ip} saddr @blocked${suffix}.${idOf(service.service)} ${drop('blocked', service)}`);
  if (hasLimits(service.policy) && blockForSeconds !== undefined)
    rules.push(`${sourceAtPort(words)} @${offenders(words)} ${drop('blocked', service)}`);
  return rules;
}

/**
 * A first packet that connection tracking does not see reaches the `answer` chain. Once a port is flooded, all of its
 * first packets go there for a while, so that both sides of one connection never get different answers.
 */
function synProxyRules(service: ProtectedService, words: FamilyWords): readonly string[] {
  const { synProxy } = service.policy;
  if (synProxy === 'off' || service.ports.every(({ protocol }) => protocol !== 'tcp')) return [];
  const { suffix, ip } = words;
  const first = `meta nfproto ipv${suffix} ${FIRST_PACKET} fib daddr type local`;
  const proxy = `counter name ${counterOf('syn-proxied', service.service)} notrack`;
  if (synProxy === 'always') return [`${first} ${proxy}`];
  const { abovePerSecond } = synProxy;
  return [
    `${first} limit rate over ${abovePerSecond}/second burst ${abovePerSecond} packets ${noteFlood(words)}`,
    `${first} ${ip} daddr . tcp dport @flooded${suffix} ${proxy}`,
  ];
}

/** Name of the counter of one verdict for one Service. */
export function counterOf(verdict: (typeof SERVICE_VERDICTS)[number], service: string): string {
  return `${verdict}.${idOf(service)}`;
}

function drop(verdict: (typeof SERVICE_VERDICTS)[number], { service }: ProtectedService): string {
  return `counter name ${counterOf(verdict, service)} drop`;
}

function rateSet({ suffix }: FamilyWords, { perSecond, burst }: ConnectionRate): string {
  return `rate${suffix}.${perSecond}-${burst}`;
}

function openSet({ suffix }: FamilyWords, count: number): string {
  return `open${suffix}.${count}`;
}

function offenders({ suffix }: FamilyWords): string {
  return `offenders${suffix}`;
}

/** The entries as elements: what has ended is left out, and the kernel itself ends the others in time. */
export function elementsOf(entries: readonly SourceEntry[], wallMs: number): readonly string[] {
  return disjoint(entries).flatMap(({ range, untilMs }) => {
    if (untilMs === undefined) return [formatRange(range)];
    const seconds = Math.ceil((untilMs - wallMs) / 1000);
    return seconds > 0 ? [`${formatRange(range)} timeout ${seconds}s`] : [];
  });
}
