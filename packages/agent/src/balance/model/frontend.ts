// SPDX-License-Identifier: Apache-2.0
/**
 * What every data plane renders: front ends with their back ends. Pure data, and nothing of Services or of the kernel, so
 * that the same model comes from Services, from the control plane's nodes, and from a configuration file.
 */
import type { Family } from '@fairlead/shared/address/address.ts';
import type { ServiceProblem } from '../../services/problem.ts';
import type { Protocol } from '../../services/served-service.ts';
import type { HealthCheck } from '../health/health-check.ts';
import type { KernelScheduler } from './kernel-schedulers.ts';
import { OverlaidMap } from './overlaid-map.ts';

/** Where a connection is sent. */
export interface Backend {
  /** Canonical text. */
  readonly address: string;
  readonly port: number;
  /** Share of new connections in proportion to the others, 0 to 65535; 0 gets none, whatever the scheduler. */
  readonly weight: number;
  /** Node it runs on; undefined when nobody says, or outside a cluster. */
  readonly node: string | undefined;
  /** It is reached by NAT although the front end asks for something else, which is not possible for it. */
  readonly byNat?: boolean;
}

/**
 * How a new connection gets its back end.
 *
 * - `roundRobin`: in turn, each front end with a turn of its own; the weights of those that have one make no difference.
 * - `weightedRoundRobin`: the same, with turns in proportion to the weights.
 * - `leastConnections`: the one with the fewest open connections for its weight; only planes that count can (IPVS, user space).
 * - `sourceHash`: by the client's address, evenly; most clients get another back end when the number of back ends changes.
 * - `consistentHash`: by the client's address, so that a change moves little more than what it must: a Maglev table, or
 *   rendezvous hashing in user space.
 */
export type Scheduler =
  | 'roundRobin'
  | 'weightedRoundRobin'
  | 'leastConnections'
  | 'sourceHash'
  | 'consistentHash';

/**
 * How packets reach a back end.
 *
 * - `nat`: the destination is rewritten here, and answers come back through here.
 * - `dsr`: packets go on at layer 2, their destination unchanged, to a node with back ends, which rewrites it and answers the
 *   client itself: port mapping and the client's address are both kept.
 * - `directRoute`: the same, but to the back end itself, which holds the front end's address on its loopback.
 * - `tunnel`: the same, but wrapped into a packet to the back end, which may be behind routers. Only IPVS.
 * - `local`: only to back ends of this node, and the client's address stays. Only IPVS.
 * - `bypass`: not at all: what comes is for whoever listens at the address. Only IPVS.
 */
export type Forwarding = 'nat' | 'dsr' | 'directRoute' | 'tunnel' | 'local' | 'bypass';

/** A machine on the same link that takes packets as they came and answers clients itself. */
export interface Hop {
  /** Its own address on that link, of the front end's family. Canonical text. */
  readonly address: string;
  /** Weight of its back ends together: its share of new flows. 0 while it only has some that are ending. */
  readonly weight: number;
  /** Weight of those of its back ends that get nothing new, but end what they have. */
  readonly ending: number;
}

/** What there is to know about {@link Forwarding} other than NAT. See `dsr/direct-return.ts`. */
export interface DirectReturn {
  /** Link on which clients come in, and the hops are. */
  readonly link: string;
  /** One that came anew under an old name is another link. */
  readonly linkIndex: number;
  /** All that share the flows, this node included, ordered by address. */
  readonly hops: readonly Hop[];
  /** Address of the hop that is this node; undefined when it is none. */
  readonly self: string | undefined;
}

/** One address, protocol and port that clients connect to. */
export interface Frontend {
  /** `tcp/80/192.0.2.10`: unique. */
  readonly id: string;
  /** `namespace/name` of the Service, or the name that a configuration gives it. */
  readonly service: string;
  readonly family: Family;
  readonly address: string;
  readonly protocol: Protocol;
  readonly port: number;
  /** In a fixed order, so that an unchanged set renders unchanged. None of any weight: connections are refused at once. */
  readonly backends: readonly Backend[];
  readonly scheduler: Scheduler;
  /** What IPVS does instead; set only where it is the data plane. */
  readonly kernelScheduler?: KernelScheduler;
  /** `sessionAffinity: ClientIP`: a client stays with its back end until it was away for so many seconds; undefined: none. */
  readonly affinitySeconds: number | undefined;
  readonly forwarding: Forwarding;
  /** Set where `forwarding` is not NAT and there is a way to do it; `backends` are then those that this node itself sends to. */
  readonly direct?: DirectReturn;
  /**
   * Back ends that get nothing new, but end what they have; told where `forwarding` is not NAT, or removed ones are reset. In a
   * fixed order.
   */
  readonly ending?: readonly Backend[];
  /**
   * Let pods answer to this node (traffic policy Cluster): they may be on another one, whose answer would not come back
   * through here. With policy Local the client's address stays.
   */
  readonly masquerade: boolean;
  /** TCP connections to back ends that are neither there nor ending are reset; else they are left to end by themselves. */
  readonly resetsRemoved?: boolean;
  /** How back ends that take turns were laid out before, where that goes on. For planes that remember; nobody else sets it. */
  readonly slots?: readonly Backend[];
  /** How it is found out which back ends are dead; absent: nobody looks. Not rendered: the dead are left out of `backends`. */
  readonly healthCheck?: HealthCheck;
}

/** Everything a data plane has to do on this node. */
export interface BalanceModel {
  /** Frontend id -> frontend. */
  readonly frontends: ReadonlyMap<string, Frontend>;
  /** `namespace/name` -> what cannot be done for that Service. */
  readonly problems: ReadonlyMap<string, readonly ServiceProblem[]>;
}

/** An empty model: nothing to balance. */
export const NOTHING_TO_BALANCE: BalanceModel = { frontends: new Map(), problems: new Map() };

/** The model with these front ends in the place of those of the same ids; undefined: not there any more. Pure. */
export function withFrontends(
  model: BalanceModel,
  changed: ReadonlyMap<string, Frontend | undefined>,
): BalanceModel {
  return { ...model, frontends: OverlaidMap.over(model.frontends, changed) };
}

/** The back ends that new connections may go to; where there is none, they are refused. */
export function takersOf({ backends }: Pick<Frontend, 'backends'>): readonly Backend[] {
  return backends.every(({ weight }) => weight > 0) ? backends : backends.filter(({ weight }) => weight > 0);
}

/** Same address and port. */
export function sameBackend(a: Backend, b: Backend | undefined): boolean {
  return a.address === b?.address && a.port === b.port;
}

/** Back ends that were there and are not any more, with the frontend that had them. Pure. */
export function removedBackends(
  before: BalanceModel['frontends'],
  after: BalanceModel['frontends'],
): readonly (readonly [Frontend, Backend])[] {
  return [...before].flatMap(([id, frontend]) => {
    const now = after.get(id)?.backends ?? [];
    const removed = frontend.backends.filter((backend) => !now.some((other) => sameBackend(other, backend)));
    return removed.map((backend) => [frontend, backend] as const);
  });
}

/** Same in everything that a data plane renders. */
export function sameFrontend(a: Frontend, b: Frontend): boolean {
  return (
    a.id === b.id &&
    a.masquerade === b.masquerade &&
    a.scheduler === b.scheduler &&
    a.kernelScheduler === b.kernelScheduler &&
    a.affinitySeconds === b.affinitySeconds &&
    a.forwarding === b.forwarding &&
    sameDirectReturn(a.direct, b.direct) &&
    sameBackends(a.backends, b.backends) &&
    a.resetsRemoved === b.resetsRemoved &&
    sameBackends(a.ending ?? [], b.ending ?? [])
  );
}

/** Same link, same hops. */
export function sameDirectReturn(a: DirectReturn | undefined, b: DirectReturn | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.link === b.link &&
    a.linkIndex === b.linkIndex &&
    a.self === b.self &&
    a.hops.length === b.hops.length &&
    a.hops.every((hop, index) => sameHop(hop, b.hops[index]))
  );
}

function sameHop(a: Hop, b: Hop | undefined): boolean {
  return a.address === b?.address && a.weight === b.weight && a.ending === b.ending;
}

function sameBackends(a: readonly Backend[], b: readonly Backend[]): boolean {
  return a.length === b.length && a.every((backend, index) => sameRendering(backend, b[index]));
}

function sameRendering(a: Backend, b: Backend | undefined): boolean {
  return sameBackend(a, b) && a.weight === b?.weight && a.node === b.node && a.byNat === b.byNat;
}
