// SPDX-License-Identifier: Apache-2.0
import { addressOf, compareAddresses, type Family } from '@fairlead/shared/address/address.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import { endingEndpoints, type ServiceEndpoint } from '../../services/endpoints.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import { endpointsFrom, type FrontPort, type ServedService } from '../../services/served-service.ts';
import type { KernelSchedulers } from '../balancer.ts';
import { annotatedForwarding } from '../dsr/annotated-forwarding.ts';
import { annotatedCheck } from '../health/annotated-check.ts';
import type { Backend, BalanceModel, Forwarding, Frontend, Scheduler } from './frontend.ts';
import { ONLY_IPVS } from './kernel-schedulers.ts';
import { type Spread, spreadOf, type Weights, weightOf } from './spread.ts';

/** What the model is made from. */
export interface BalanceInput {
  /** Oldest first: the older one wins a port that two want. */
  readonly services: readonly ServedService[];
  /** Addresses that this node holds or is about to hold. */
  readonly addresses: ReadonlySet<string>;
  /**
   * Addresses that may come here at any time. Their frontends are there ahead, so that a takeover does not wait for nft, and
   * so that a packet that still comes after a handover reaches its pod. Where there is no pod to send to, they are not.
   */
  readonly prepared: ReadonlySet<string>;
  readonly node: string;
  readonly lostNodes: ReadonlySet<string>;
  /** What the data plane cannot do. Absent: it can do all. */
  readonly missingSchedulers?: ReadonlySet<Scheduler> | undefined;
  /** Of a plane that has schedulers of the kernel's own. */
  readonly kernelSchedulers?: KernelSchedulers | undefined;
  /** How packets reach the endpoints of Services that do not say. Default: by NAT. */
  readonly forwarding?: Forwarding;
}

/** Computes the whole model. Pure. */
export function balanceModel(input: BalanceInput): BalanceModel {
  const { services, addresses, prepared } = input;
  const frontends = new Map<string, Frontend>();
  const problems = new Map<string, ServiceProblem[]>();
  const report = (service: ServedService, problem: ServiceProblem) => {
    const known = problems.get(service.key);
    if (known === undefined) problems.set(service.key, [problem]);
    else known.push(problem);
  };
  for (const service of services) {
    if (!service.addresses.some((address) => addresses.has(address) || prepared.has(address))) continue;
    const possible = possibleFrontends(service, input);
    for (const problem of possible.problems) report(service, problem);
    for (const frontend of possible.frontends) {
      if (!isWanted(frontend, input)) continue;
      const other = frontends.get(frontend.id);
      if (other === undefined) frontends.set(frontend.id, frontend);
      else report(service, conflict(frontend, other));
    }
  }
  return { frontends, problems };
}

/** Whether a frontend is to be there, given where its address is. Without back ends only to refuse connections. Pure. */
export function isWanted(
  { address, backends }: Frontend,
  { addresses, prepared }: Pick<BalanceInput, 'addresses' | 'prepared'>,
): boolean {
  return addresses.has(address) || (prepared.has(address) && backends.length > 0);
}

/** The frontends of one Service at all its addresses, wherever those are. */
export interface PossibleFrontends {
  readonly frontends: readonly Frontend[];
  readonly problems: readonly ServiceProblem[];
}

/** What the frontends of a Service depend on besides the Service. */
export type FrontendTerms = Pick<
  BalanceInput,
  'node' | 'lostNodes' | 'missingSchedulers' | 'kernelSchedulers' | 'forwarding'
>;

/**
 * The last answers of {@link possibleFrontends}, with their terms. A Service as it was read never changes in place, and that a
 * frontend is the same object as before tells the data plane that it need not be compared.
 */
const known = new WeakMap<
  ServedService,
  { readonly terms: FrontendTerms; readonly possible: PossibleFrontends }
>();

/** See {@link PossibleFrontends}. Pure. */
export function possibleFrontends(service: ServedService, terms: FrontendTerms): PossibleFrontends {
  const before = known.get(service);
  if (before !== undefined && sameTerms(before.terms, terms)) return before.possible;
  const possible = computeFrontends(service, terms);
  const { node, lostNodes, missingSchedulers, kernelSchedulers, forwarding = 'nat' } = terms;
  known.set(service, {
    terms: { node, lostNodes, missingSchedulers, kernelSchedulers, forwarding },
    possible,
  });
  return possible;
}

function sameTerms(a: FrontendTerms, b: FrontendTerms): boolean {
  return (
    a.node === b.node &&
    (a.forwarding ?? 'nat') === (b.forwarding ?? 'nat') &&
    a.missingSchedulers === b.missingSchedulers &&
    a.kernelSchedulers === b.kernelSchedulers &&
    (a.lostNodes === b.lostNodes ||
      (a.lostNodes.size === b.lostNodes.size && [...a.lostNodes].every((name) => b.lostNodes.has(name))))
  );
}

function computeFrontends(service: ServedService, input: FrontendTerms): PossibleFrontends {
  const { spread, problems: found } = possibleSpread(service, input);
  const { forwarding = input.forwarding ?? 'nat', problems: others } = annotatedForwarding(service.object);
  const terms = { spread, forwarding };
  const endpoints = endpointsOf(service, terms, input);
  return {
    frontends: service.addresses.flatMap((address) => frontendsOf(service, address, terms, endpoints)),
    problems: [...found, ...others, ...annotatedCheck(service.object).problems],
  };
}

/** What the Service asks for, or the nearest that the data plane has. */
function possibleSpread(
  { object }: ServedService,
  { missingSchedulers: missing, kernelSchedulers }: FrontendTerms,
): { readonly spread: Spread; readonly problems: readonly ServiceProblem[] } {
  const asked = spreadOf(object);
  const kernelScheduler = kernelSchedulers && (asked.kernelScheduler ?? kernelSchedulers.usual);
  const spread = { ...asked, kernelScheduler };
  if (!missing?.has(spread.scheduler)) {
    const isMissing = !kernelSchedulers && asked.kernelScheduler && ONLY_IPVS.has(asked.kernelScheduler);
    return {
      spread,
      problems: isMissing ? [...spread.problems, withoutKernelScheduler(asked)] : spread.problems,
    };
  }
  const problems = [...spread.problems, WITHOUT_SCHEDULER];
  return { spread: { ...spread, scheduler: 'weightedRoundRobin' }, problems };
}

const WITHOUT_SCHEDULER: ServiceProblem = {
  reason: AGENT_REASON.schedulerUnsupported,
  message:
    `the data plane of the agents does not have the scheduler of ${ANNOTATION.scheduler}, so connections go by weighted ` +
    'round robin; the data planes ipvs and userspace count connections',
};

function withoutKernelScheduler({ kernelScheduler, scheduler }: Spread): ServiceProblem {
  return {
    reason: AGENT_REASON.schedulerUnsupported,
    message: `only the data plane ipvs has the scheduler ${kernelScheduler} of ${ANNOTATION.scheduler}; connections go by ${WORDS[scheduler]}`,
  };
}

const WORDS: Readonly<Record<Scheduler, string>> = {
  roundRobin: 'round robin',
  weightedRoundRobin: 'weighted round robin',
  leastConnections: 'least connections',
  sourceHash: 'source hash',
  consistentHash: 'consistent hash',
};

/** What a Service asks for. */
interface Terms {
  readonly spread: Spread;
  readonly forwarding: Forwarding;
}

/** Endpoints that get new connections from here, and those that only end what they have. */
interface Endpoints {
  readonly usable: readonly ServiceEndpoint[];
  /** Undefined: nobody needs to know. */
  readonly ending: readonly ServiceEndpoint[] | undefined;
}

function endpointsOf(
  service: ServedService,
  { spread, forwarding }: Terms,
  { node, lostNodes }: FrontendTerms,
): Endpoints {
  const { endpoints, policy } = service;
  return {
    usable: endpointsFrom(service, node, lostNodes),
    ending:
      spread.resetsRemoved || forwarding !== 'nat'
        ? endingEndpoints(endpoints, { policy, node, lostNodes })
        : undefined,
  };
}

function conflict({ address, protocol, port }: Frontend, other: Frontend): ServiceProblem {
  return {
    reason: AGENT_REASON.portConflict,
    message: `${address} port ${port}/${protocol} already belongs to Service ${other.service}; use another port or address`,
  };
}

function frontendsOf(
  service: ServedService,
  address: string,
  { spread, forwarding }: Terms,
  { usable, ending }: Endpoints,
): readonly Frontend[] {
  const family = addressOf(address)?.family;
  if (family === undefined) return [];
  const { check: healthCheck } = annotatedCheck(service.object);
  const { scheduler, kernelScheduler, weights, affinitySeconds, resetsRemoved } = spread;
  return service.ports.map((port) => ({
    id: `${port.protocol}/${port.port}/${address}`,
    service: service.key,
    family,
    address,
    protocol: port.protocol,
    port: port.port,
    backends: backendsOf(usable, family, port, weights),
    scheduler,
    ...(kernelScheduler && { kernelScheduler }),
    affinitySeconds,
    forwarding,
    masquerade: service.policy === 'Cluster',
    ...(resetsRemoved && { resetsRemoved }),
    ...(ending && { ending: backendsOf(ending, family, port, weights) }),
    ...(healthCheck === undefined ? {} : { healthCheck }),
  }));
}

function backendsOf(
  endpoints: readonly ServiceEndpoint[],
  family: Family,
  { key }: FrontPort,
  weights: Weights,
): readonly Backend[] {
  const backends: Backend[] = [];
  for (const endpoint of endpoints) {
    const port = endpoint.ports.get(key);
    if (endpoint.family !== family || port === undefined) continue;
    const weight = weightOf(endpoint, weights);
    backends.push({ address: endpoint.address, port, weight, node: endpoint.node });
  }
  return backends.sort(byAddressAndPort);
}

function byAddressAndPort(a: Backend, b: Backend): number {
  const [left, right] = [addressOf(a.address), addressOf(b.address)];
  const order = left && right ? compareAddresses(left, right) : 0;
  return order === 0 ? a.port - b.port : order;
}
