// SPDX-License-Identifier: Apache-2.0
import type { Parsed } from '@fairlead/shared/address/parsed.ts';
import type { Scheduler } from '../../balance/model/frontend.ts';
import { COMMON_SCHEDULER_OF, KERNEL_SCHEDULERS } from '../../balance/model/kernel-schedulers.ts';
import { DEFAULT_PROXY_OPTIONS, type ProxyOptions } from '../../balance/user-space/listener.ts';
import type { BalancerEntry, EntryBackend } from './balancer-entry.ts';
import { readBackend } from './read-backends.ts';
import { readHealthCheck } from './read-health-check.ts';
import { PORT, type Section } from './section.ts';

/** What the rest of the file says that matters to each entry. */
export interface BalancerSurroundings {
  readonly vips: readonly string[];
  /** Addresses of all hosts when they are to be back ends (`addPeersAsBackends`); else none. */
  readonly peers: readonly string[];
  /** Text of a file. */
  readonly readFile: (path: string) => Parsed<string>;
}

/** The words of the file for our schedulers: those of annotations. */
const SCHEDULERS: Readonly<Record<string, Scheduler>> = {
  'round-robin': 'roundRobin',
  'weighted-round-robin': 'weightedRoundRobin',
  'least-connections': 'leastConnections',
  'source-hash': 'sourceHash',
  'consistent-hash': 'consistentHash',
};

/**
 * Half of the old balancer's: on a network of one's own, who has not answered by now has lost the packet, and another back
 * end answers sooner than the kernel asks again.
 */
const CONNECT_TIMEOUT_MS = 250;
const TIME_MS = { min: 0, max: 86_400_000 };
const COUNT = { min: 0, max: 1_000_000 };
const AFFINITY_SECONDS = { min: 1, max: 86_400 };

/** Reads one entry of `loadBalancers`. Undefined when it cannot be used; why is among the findings. */
export function readBalancer(
  section: Section,
  index: number,
  { vips, peers, readFile }: BalancerSurroundings,
): BalancerEntry | undefined {
  const type = section.oneOf('type', ['tcp', 'udp', 'http', 'https']) ?? 'tcp';
  const mode = type === 'https' ? 'http' : type;
  const port = section.integer('port', PORT);
  if (!section.has('port')) section.problem('port', 'the port that clients connect to');
  const isOnVip = section.bool('bindToVip', false);
  if (isOnVip && vips.length === 0) section.problem('bindToVip', 'false, as there is no vip');
  const entry = {
    name: section.string('name') ?? `load balancer ${index + 1}`,
    mode,
    addresses: isOnVip ? vips : undefined,
    backends: readBackends(section, mode === 'http' ? (type as 'http' | 'https') : undefined, peers),
    ...readScheduler(section),
    affinitySeconds: section.integer('affinitySeconds', AFFINITY_SECONDS),
    forwarding: section.oneOf('forwarding', ['nat', 'dsr', 'tunnel', 'local', 'bypass']) ?? 'nat',
    healthCheck: readHealthCheck(section.section('healthCheck'), mode),
    options: readOptions(section, readFile),
  } as const;
  section.finish();
  return port === undefined ? undefined : { ...entry, port };
}

function readBackends(
  section: Section,
  scheme: 'http' | 'https' | undefined,
  peers: readonly string[],
): readonly EntryBackend[] {
  const port = section.integer('backendPort', PORT);
  const backends = section
    .sections('backends')
    .flatMap((backend) => readBackend(backend, { port, scheme }) ?? []);
  if (peers.length > 0 && port === undefined) {
    section.problem('backendPort', 'the port of the peers that addPeersAsBackends makes back ends');
    return backends;
  }
  const added = peers
    .filter((host) => !backends.some((backend) => backend.host === host && backend.port === port))
    .map((host) => ({
      host,
      isAddress: true,
      port: port ?? 0,
      weight: 1,
      ...(scheme !== undefined && { http: { scheme, basePath: '' } }),
    }));
  if (backends.length + added.length === 0) {
    section.problem('backends', 'at least one back end with address and port');
  }
  return [...backends, ...added];
}

function readScheduler(section: Section): Pick<BalancerEntry, 'scheduler' | 'kernelScheduler'> {
  const word = section.oneOf('scheduler', [...Object.keys(SCHEDULERS), ...KERNEL_SCHEDULERS]);
  const kernelScheduler = KERNEL_SCHEDULERS.find((name) => name === word);
  if (kernelScheduler !== undefined)
    return { scheduler: COMMON_SCHEDULER_OF[kernelScheduler], kernelScheduler };
  return { scheduler: (word === undefined ? undefined : SCHEDULERS[word]) ?? 'weightedRoundRobin' };
}

function readOptions(section: Section, readFile: BalancerSurroundings['readFile']): ProxyOptions {
  const defaults = DEFAULT_PROXY_OPTIONS;
  const time = (key: string, fallback: number) => section.integer(key, TIME_MS) ?? fallback;
  const sent = section.integer('sendProxyProtocol', { min: 1, max: 2 });
  return {
    ...defaults,
    connectTimeoutMs: time('connectTimeoutMs', CONNECT_TIMEOUT_MS),
    idleTimeoutMs: time('idleTimeoutMs', defaults.idleTimeoutMs),
    answerTimeoutMs: time('answerTimeoutMs', defaults.answerTimeoutMs),
    flowTimeoutMs: time('flowTimeoutMs', defaults.flowTimeoutMs),
    drainMs: time('drainMs', defaults.drainMs),
    queueTimeoutMs: time('queueTimeoutMs', defaults.queueTimeoutMs),
    maxConnections: section.integer('maxConnections', { ...COUNT, min: 1 }) ?? defaults.maxConnections,
    maxPerTarget: section.integer('maxPerBackend', COUNT) ?? defaults.maxPerTarget,
    sendProxyProtocol: sent === 1 || sent === 2 ? sent : undefined,
    acceptProxyProtocol: section.bool('acceptProxyProtocol', defaults.acceptProxyProtocol),
    verifyTargets: section.bool('verifyBackends', defaults.verifyTargets),
    authorities: section.parse('backendCaFile', readFile),
  };
}
