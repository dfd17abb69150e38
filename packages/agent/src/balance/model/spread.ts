// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress } from '@fairlead/shared/address/address.ts';
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { parseBool, parseInteger } from '@fairlead/shared/runtime/parse-values.ts';
import { AnnotationReader } from '../../services/annotation-reader.ts';
import type { ServiceEndpoint } from '../../services/endpoints.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import type { Scheduler } from './frontend.ts';
import {
  COMMON_SCHEDULER_OF,
  KERNEL_SCHEDULER_OF,
  KERNEL_SCHEDULERS,
  type KernelScheduler,
} from './kernel-schedulers.ts';

/** How a Service wants its connections spread over its endpoints. */
export interface Spread {
  readonly scheduler: Scheduler;
  /** What the annotation asks of IPVS; undefined when it says nothing. */
  readonly kernelScheduler?: KernelScheduler | undefined;
  readonly weights: Weights;
  /** `sessionAffinity: ClientIP`: see `Frontend`. */
  readonly affinitySeconds: number | undefined;
  /** TCP connections to endpoints that are gone are reset. */
  readonly resetsRemoved: boolean;
  readonly problems: readonly ServiceProblem[];
}

/** Node name, canonical address or `*` -> weight. */
export type Weights = ReadonlyMap<string, number>;

/** What the annotation accepts, beside the names that IPVS has. */
const SCHEDULERS: Readonly<Record<string, Scheduler>> = {
  'round-robin': 'roundRobin',
  'weighted-round-robin': 'weightedRoundRobin',
  'least-connections': 'leastConnections',
  'source-hash': 'sourceHash',
  'consistent-hash': 'consistentHash',
};

/** Weights as IPVS has them. */
const WEIGHT = { min: 0, max: 65_535 } as const;
const NO_WEIGHTS: Weights = new Map();
/** What Kubernetes fills in. */
const DEFAULT_AFFINITY_SECONDS = 10_800;

/** An object never changes in place: every version is one of its own, so what was read from it can be kept. */
const known = new WeakMap<Service, Spread>();

/** How a Service wants its connections spread. What cannot be read is told, and as if it were not there. Pure. */
export function spreadOf(service: Service): Spread {
  const before = known.get(service);
  if (before !== undefined) return before;
  const spread = readSpread(service);
  known.set(service, spread);
  return spread;
}

function readSpread(service: Service): Spread {
  const reader = new AnnotationReader(service, AGENT_REASON.spreadInvalid);
  const affinitySeconds = affinityOf(service);
  const weights = reader.read(ANNOTATION.weights, parseWeights, NO_WEIGHTS);
  const scheduler = reader.read(ANNOTATION.scheduler, parseScheduler, undefined);
  const resetsRemoved = reader.read(ANNOTATION.resetRemoved, parseBool, false);
  return {
    ...(scheduler ?? { scheduler: usualScheduler(affinitySeconds, weights) }),
    weights,
    affinitySeconds,
    resetsRemoved,
    problems: reader.problems,
  };
}

/**
 * With affinity by hash: what a node remembers of clients does not move with the address, but another node comes to the same
 * choice by itself, as long as the endpoints are the same.
 */
function usualScheduler(affinitySeconds: number | undefined, weights: Weights): Scheduler {
  if (affinitySeconds !== undefined) return 'sourceHash';
  return weights.size > 0 ? 'weightedRoundRobin' : 'roundRobin';
}

function affinityOf({ spec }: Service): number | undefined {
  if (spec?.sessionAffinity !== 'ClientIP') return undefined;
  return spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
}

/** Weight of an endpoint: what is said of its address, or else of its node, or else of all. Pure. */
export function weightOf(
  { address, node }: Pick<ServiceEndpoint, 'address' | 'node'>,
  weights: Weights,
): number {
  return weights.get(address) ?? weights.get(node ?? '') ?? weights.get('*') ?? 1;
}

function parseScheduler(text: string): Parsed<Required<Pick<Spread, 'scheduler' | 'kernelScheduler'>>> {
  const word = text.toLowerCase();
  const scheduler = SCHEDULERS[word];
  if (scheduler !== undefined) return parsed({ scheduler, kernelScheduler: KERNEL_SCHEDULER_OF[scheduler] });
  const kernelScheduler = KERNEL_SCHEDULERS.find((name) => name === word);
  if (kernelScheduler !== undefined)
    return parsed({ scheduler: COMMON_SCHEDULER_OF[kernelScheduler], kernelScheduler });
  return unparsable(
    `round-robin, weighted-round-robin, least-connections, source-hash or consistent-hash, or a scheduler of IPVS (${KERNEL_SCHEDULERS.join(', ')})`,
  );
}

/** `node-a=3, 10.1.2.3=0, *=1`. */
function parseWeights(text: string): Parsed<Weights> {
  const weights = new Map<string, number>();
  for (const entry of text.split(',')) {
    const [name = '', number = '', ...rest] = entry.split('=').map((part) => part.trim());
    const weight = parseInteger(number, WEIGHT);
    if (name === '' || rest.length > 0 || !weight.ok) {
      return unparsable(
        `weights from ${WEIGHT.min} to ${WEIGHT.max} by node or address of the endpoint, such as node-a=3, 10.1.2.3=0, *=1`,
      );
    }
    const address = addressOf(name);
    weights.set(address === undefined ? name : formatAddress(address), weight.value);
  }
  return parsed(weights);
}
