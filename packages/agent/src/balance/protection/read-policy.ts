// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import type { AddressRange } from '@fairlead/shared/address/range.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { parseBool, parseDurationMs } from '@fairlead/shared/runtime/settings.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import type { ConnectionRate, ProtectionPolicy, SynProxyMode } from './policy.ts';
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
  const reader = new AnnotationReader(service.metadata?.annotations ?? {});
  const policy: ProtectionPolicy = {
    sourceRanges: sourceRanges(service, reader),
    allowed: reader.list(ANNOTATION.allowSources, parseSourceEntry),
    blocked: reader.list(ANNOTATION.blockSources, parseSourceEntry),
    connectionRate: reader.value(ANNOTATION.connectionRatePerSource, parseRate),
    openConnections: reader.value(ANNOTATION.connectionsPerSource, parseCount),
    blockForSeconds: reader.value(ANNOTATION.blockFor, parseBlockTime),
    synProxy: reader.value(ANNOTATION.synProxy, parseSynProxy) ?? 'off',
    dropBogusFlags: reader.value(ANNOTATION.dropBogusFlags, parseFlag) ?? false,
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
  const given = (service.spec?.loadBalancerSourceRanges ?? []).map((text) => text.trim());
  const old = service.metadata?.annotations?.[OLD_SOURCE_RANGES]?.trim() ?? '';
  const texts = given.length > 0 || old === '' ? given : old.split(',').map((text) => text.trim());
  if (texts.length === 0) return undefined;
  const name = given.length > 0 ? 'spec.loadBalancerSourceRanges' : OLD_SOURCE_RANGES;
  return texts.flatMap((text) => reader.parse(name, text, parseSource) ?? []);
}

class AnnotationReader {
  readonly problems: ServiceProblem[] = [];
  readonly #annotations: Readonly<Record<string, string>>;

  constructor(annotations: Readonly<Record<string, string>>) {
    this.#annotations = annotations;
  }

  /** Undefined when it is not given, or cannot be read. */
  value<T>(name: string, parse: (text: string) => Parsed<T>): T | undefined {
    const text = this.#annotations[name]?.trim() ?? '';
    return text === '' ? undefined : this.parse(name, text, parse);
  }

  /** What can be read of a comma list. */
  list<T>(name: string, parse: (text: string) => Parsed<T>): readonly T[] {
    const texts = (this.#annotations[name] ?? '').split(',').filter((text) => text.trim() !== '');
    if (texts.length > MOST_SOURCES) {
      const expected = `at most ${MOST_SOURCES}; the others are ignored`;
      this.#report(`${name} has ${texts.length} entries; expected ${expected}`);
    }
    return texts.slice(0, MOST_SOURCES).flatMap((text) => this.parse(name, text.trim(), parse) ?? []);
  }

  parse<T>(name: string, text: string, parse: (text: string) => Parsed<T>): T | undefined {
    const result = parse(text);
    if (result.ok) return result.value;
    this.#report(`${name} has "${text}", which is ignored: ${result.problem}`);
    return undefined;
  }

  #report(message: string): void {
    this.problems.push({ reason: AGENT_REASON.protectionInvalid, message });
  }
}

/** `20`: then twice that at once; or `20 burst 100`. */
function parseRate(text: string): Parsed<ConnectionRate> {
  const [, rate = '', given] = /^(\d{1,7})(?:\s+burst\s+(\d{1,7}))?$/.exec(text) ?? [];
  const perSecond = isCount(rate, MOST_PER_SECOND) ? Number(rate) : undefined;
  const burst = given === undefined ? 2 * (perSecond ?? 0) : Number(given);
  if (perSecond !== undefined && burst >= 1) return parsed({ perSecond, burst });
  return unparsable(
    `expected connections per second, 1 to ${MOST_PER_SECOND}, such as "20" or "20 burst 60"`,
  );
}

function isCount(text: string, most: number): boolean {
  return /^\d{1,7}$/.test(text) && Number(text) >= 1 && Number(text) <= most;
}

function parseCount(text: string): Parsed<number> {
  return isCount(text, MOST_OPEN)
    ? parsed(Number(text))
    : unparsable(`expected a whole number from 1 to ${MOST_OPEN}`);
}

function parseBlockTime(text: string): Parsed<number> {
  const time = parseDurationMs(text, { bareUnit: 's', minMs: 1_000, maxMs: LONGEST_BLOCK_MS });
  return time.ok ? parsed(Math.ceil(time.value / 1000)) : unparsable(`expected ${time.problem}`);
}

function parseSynProxy(text: string): Parsed<SynProxyMode> {
  if (text === 'always' || text === 'off') return parsed(text);
  const [, rate = ''] = /^above\s+(\d+)$/.exec(text) ?? [];
  if (isCount(rate, MOST_PER_SECOND)) return parsed({ abovePerSecond: Number(rate) });
  return unparsable('expected "always", "off", or a number of connections per second as in "above 1000"');
}

function parseFlag(text: string): Parsed<boolean> {
  const flag = parseBool(text);
  return flag.ok ? flag : unparsable(`expected ${flag.problem}`);
}
