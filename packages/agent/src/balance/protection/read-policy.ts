// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import type { AddressRange } from '@fairlead/shared/address/range.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { parseBool, parseDurationMs } from '@fairlead/shared/runtime/parse-values.ts';
import { AnnotationReader } from '../../services/annotation-reader.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import type { ConnectionRate, ProtectionPolicy, SourceEntry, SynProxyMode } from './policy.ts';
import { parseSource, parseSourceEntry } from './sources.ts';

/** What a Service asks for. */
export interface PolicyOfService {
  /** Undefined: nothing is to be filtered. */
  readonly policy: ProtectionPolicy | undefined;
  readonly problems: readonly ServiceProblem[];
}

/** The old way of giving source ranges, which counts where the spec has none, as in Kubernetes itself. */
const OLD_SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';
/** Far above what one node can do, and far below what the kernel cannot count. */
const MOST_PER_SECOND = 1_000_000;
const MOST_OPEN = 1_000_000;
/** An annotation can hold far more, and every one of them is an element in the kernel. */
const MOST_SOURCES = 5_000;
const LONGEST_BLOCK_MS = 7 * 24 * 3_600_000;

/** An object never changes in place: every version is one of its own, so what was read from it can be kept. */
const read = new WeakMap<Service, PolicyOfService>();

/**
 * The policy of a Service. A limit that cannot be read is none, and told; a source range that cannot be read lets nobody in:
 * a restriction that nobody understands is not lifted. Pure.
 */
export function policyOf(service: Service): PolicyOfService {
  const known = read.get(service);
  if (known !== undefined) return known;
  const policy = readPolicy(service);
  read.set(service, policy);
  return policy;
}

function readPolicy(service: Service): PolicyOfService {
  const reader = new AnnotationReader(service, AGENT_REASON.protectionInvalid);
  const policy: ProtectionPolicy = {
    sourceRanges: sourceRanges(service, reader),
    allowed: sourceList(service, ANNOTATION.allowSources, reader),
    blocked: sourceList(service, ANNOTATION.blockSources, reader),
    connectionRate: reader.read(ANNOTATION.connectionRatePerSource, parseRate, undefined),
    openConnections: reader.read(ANNOTATION.connectionsPerSource, parseCount, undefined),
    blockForSeconds: reader.read(ANNOTATION.blockFor, parseBlockTime, undefined),
    synProxy: reader.read(ANNOTATION.synProxy, parseSynProxy, 'off'),
    dropBogusFlags: reader.read(ANNOTATION.dropBogusFlags, parseBool, false),
  };
  return { policy: filtersAnything(policy) ? policy : undefined, problems: reader.problems };
}

/** Sources that are allowed, or how long one is blocked, mean nothing without something that would keep them out. */
function filtersAnything(policy: ProtectionPolicy): boolean {
  const { sourceRanges, blocked, connectionRate, openConnections, synProxy, dropBogusFlags } = policy;
  const limits = [sourceRanges, connectionRate, openConnections];
  return (
    limits.some((limit) => limit !== undefined) || blocked.length > 0 || synProxy !== 'off' || dropBogusFlags
  );
}

function sourceRanges(service: Service, reader: AnnotationReader): readonly AddressRange[] | undefined {
  const given = service.spec?.loadBalancerSourceRanges ?? [];
  const texts = given.length > 0 ? given : entriesOf(service, OLD_SOURCE_RANGES);
  if (texts.length === 0) return undefined;
  const name = given.length > 0 ? 'spec.loadBalancerSourceRanges' : OLD_SOURCE_RANGES;
  return readAll(texts, name, parseSource, reader);
}

function sourceList(service: Service, name: string, reader: AnnotationReader): readonly SourceEntry[] {
  const texts = entriesOf(service, name);
  if (texts.length > MOST_SOURCES)
    reader.report(
      `${name} has ${texts.length} entries; expected ${MOST_SOURCES} at most, the rest is ignored`,
    );
  return readAll(texts.slice(0, MOST_SOURCES), name, parseSourceEntry, reader);
}

function entriesOf({ metadata }: Service, name: string): readonly string[] {
  return (metadata?.annotations?.[name] ?? '').split(',').filter((text) => text.trim() !== '');
}

/** What can be read of a list; of the rest the first is told. */
function readAll<T>(
  texts: readonly string[],
  name: string,
  parse: (text: string) => Parsed<T>,
  reader: AnnotationReader,
): readonly T[] {
  const results = texts.map((text) => parse(text.trim()));
  const failed = results.filter((result) => !result.ok);
  const [first] = failed;
  if (first !== undefined)
    reader.report(`${name}: ${failed.length} of ${texts.length} ignored: ${first.problem}`);
  return results.flatMap((result) => (result.ok ? [result.value] : []));
}

/** `20`: then twice that at once; or `20 burst 100`. */
function parseRate(text: string): Parsed<ConnectionRate> {
  const [, rate = '', given] = /^(\d{1,7})(?:\s+burst\s+(\d{1,7}))?$/.exec(text) ?? [];
  const perSecond = isCount(rate, MOST_PER_SECOND) ? Number(rate) : undefined;
  const burst = given === undefined ? 2 * (perSecond ?? 0) : Number(given);
  if (perSecond !== undefined && burst >= 1) return parsed({ perSecond, burst });
  return unparsable(`connections per second, 1 to ${MOST_PER_SECOND}, such as "20" or "20 burst 60"`);
}

function isCount(text: string, most: number): boolean {
  return /^\d{1,7}$/.test(text) && Number(text) >= 1 && Number(text) <= most;
}

function parseCount(text: string): Parsed<number> {
  return isCount(text, MOST_OPEN)
    ? parsed(Number(text))
    : unparsable(`a whole number from 1 to ${MOST_OPEN}`);
}

function parseBlockTime(text: string): Parsed<number> {
  const time = parseDurationMs(text, { bareUnit: 's', minMs: 1_000, maxMs: LONGEST_BLOCK_MS });
  return time.ok ? parsed(Math.ceil(time.value / 1000)) : time;
}

function parseSynProxy(text: string): Parsed<SynProxyMode> {
  if (text === 'always' || text === 'off') return parsed(text);
  const [, rate = ''] = /^above\s+(\d+)$/.exec(text) ?? [];
  if (isCount(rate, MOST_PER_SECOND)) return parsed({ abovePerSecond: Number(rate) });
  return unparsable('"always", "off", or a number of connections per second as in "above 1000"');
}
