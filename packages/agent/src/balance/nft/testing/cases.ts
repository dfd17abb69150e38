// SPDX-License-Identifier: Apache-2.0
import type { Backend, Frontend } from '../../model/frontend.ts';
import { backendOf, frontendOf } from '../../testing/frontends.ts';
import type { Packet } from './packet-tracer.ts';

/*
 * What front ends are to do with connections, one case for each feature. Unit tests walk the packets through the rendered rules
 * and keep both as golden files; the lab sends them through the kernel, which has to do the same with each of them.
 */

/** One of them. */
export interface BalanceCase {
  /** Of the feature, and of its golden file. */
  readonly name: string;
  readonly steps: readonly Step[];
}

/** What is served from now on, or what comes in. */
export type Step = { readonly serve: readonly Frontend[] } | { readonly connect: readonly Packet[] };

/** Addresses of Services, on the node. */
export const VIP = '172.30.0.200';
export const OTHER_VIP = '172.30.0.201';
export const VIP6 = 'fd00:30::c8';
/** Port on which the pods listen. */
export const POD_PORT = 8080;
/** Port on which they keep connections. */
export const FLOW_PORT = POD_PORT + 1;
/** Numbers of the pods. */
export const PODS = [2, 3, 4] as const;
const CLIENTS = 12;

/** Address of a pod. */
export function podAddress(pod: number, family: 4 | 6 = 4): string {
  return family === 4 ? `10.99.1.${pod}` : `fd00:99::${pod}`;
}

/** All addresses of the client's machine. */
export function clientAddresses(family: 4 | 6): readonly string[] {
  return Array.from({ length: CLIENTS }, (_, index) =>
    family === 4 ? `172.30.0.${100 + index}` : `fd00:30::${(0x64 + index).toString(16)}`,
  );
}

/** A front end with these pods. */
export function served(address: string, pods: readonly number[], parts: Partial<Frontend> = {}): Frontend {
  return frontendOf(address, podBackends(address, pods), parts);
}

function podBackends(address: string, pods: readonly number[]): readonly Backend[] {
  const family = address.includes(':') ? 6 : 4;
  return pods.map((pod) => backendOf(podAddress(pod, family), POD_PORT));
}

/** A front end with a pod of each of these weights. */
function weighted(address: string, weights: readonly number[], parts: Partial<Frontend>): Frontend {
  const backends = podBackends(address, PODS).map((backend, index) => {
    return { ...backend, weight: weights[index] ?? 0 };
  });
  return frontendOf(address, backends, parts);
}

function times(count: number, to: string, parts: Partial<Packet> = {}): readonly Packet[] {
  const [from = ''] = clientAddresses(to.includes(':') ? 6 : 4);
  return Array.from({ length: count }, () => ({ from, to, port: 80, protocol: 'tcp', ...parts }));
}

function fromEachClient(to: string): readonly Packet[] {
  return clientAddresses(to.includes(':') ? 6 : 4).flatMap((from) => times(1, to, { from }));
}

const AFFINITY = { affinitySeconds: 10_800 } as const;

/** All cases. */
export const BALANCE_CASES: readonly BalanceCase[] = [
  {
    name: 'round-robin',
    steps: [
      { serve: [served(VIP, PODS), served(VIP6, PODS)] },
      { connect: [...times(7, VIP), ...times(4, VIP6)] },
    ],
  },
  {
    name: 'interleaved',
    steps: [
      { serve: [served(VIP, [2, 3]), served(OTHER_VIP, [2, 3])] },
      { connect: [0, 1, 2, 3].flatMap(() => [...times(1, VIP), ...times(1, OTHER_VIP)]) },
    ],
  },
  {
    name: 'other-services-go-on',
    steps: [
      { serve: [served(VIP, PODS), served(OTHER_VIP, PODS)] },
      { connect: [...times(1, VIP), ...times(2, OTHER_VIP)] },
      { serve: [served(VIP, [2, 4]), served(OTHER_VIP, PODS)] },
      { connect: [...times(3, VIP), ...times(2, OTHER_VIP)] },
    ],
  },
  {
    name: 'weighted-round-robin',
    steps: [
      { serve: [weighted(VIP, [3, 1, 0], { scheduler: 'weightedRoundRobin' })] },
      { connect: times(9, VIP) },
    ],
  },
  {
    name: 'source-hash',
    steps: [
      {
        serve: [
          served(VIP, PODS, { scheduler: 'sourceHash' }),
          served(VIP6, PODS, { scheduler: 'sourceHash' }),
        ],
      },
      { connect: [...fromEachClient(VIP), ...fromEachClient(VIP), ...fromEachClient(VIP6)] },
    ],
  },
  {
    name: 'consistent-hash',
    steps: [
      { serve: [served(VIP, PODS, { scheduler: 'consistentHash' })] },
      { connect: fromEachClient(VIP) },
      { serve: [served(VIP, [2, 4], { scheduler: 'consistentHash' })] },
      { connect: fromEachClient(VIP) },
    ],
  },
  {
    name: 'client-affinity',
    steps: [
      { serve: [served(VIP, PODS, AFFINITY)] },
      { connect: [...fromEachClient(VIP).slice(0, 4), ...fromEachClient(VIP).slice(0, 5)] },
      { serve: [served(VIP, [2, 4], AFFINITY)] },
      { connect: fromEachClient(VIP).slice(0, 6) },
      { serve: [served(VIP, PODS, { affinitySeconds: 60 })] },
      { connect: fromEachClient(VIP).slice(0, 7) },
    ],
  },
  {
    name: 'client-affinity-ipv6-by-hash',
    steps: [
      { serve: [served(VIP6, PODS, { ...AFFINITY, scheduler: 'consistentHash' })] },
      { connect: fromEachClient(VIP6) },
      { serve: [served(VIP6, [3, 4], { ...AFFINITY, scheduler: 'consistentHash' })] },
      { connect: fromEachClient(VIP6) },
    ],
  },
  {
    name: 'client-address-kept',
    steps: [
      { serve: [served(VIP, [2], { masquerade: false }), served(VIP6, [2], { masquerade: false })] },
      { connect: [...times(1, VIP), ...times(1, VIP6)] },
      { serve: [served(VIP, [2]), served(VIP6, [2])] },
      { connect: [...times(1, VIP), ...times(1, VIP6)] },
    ],
  },
  {
    name: 'ports-apart',
    steps: [
      {
        serve: [
          served(VIP, [2]),
          served(VIP, [4], { port: 81, masquerade: false }),
          served(VIP, [2, 3], { protocol: 'udp' }),
        ],
      },
      {
        connect: [...times(1, VIP), ...times(1, VIP, { port: 81 }), ...times(3, VIP, { protocol: 'udp' })],
      },
    ],
  },
  {
    name: 'sctp',
    steps: [
      { serve: [served(VIP, PODS, { protocol: 'sctp', masquerade: false })] },
      { connect: times(4, VIP, { protocol: 'sctp' }) },
      { serve: [served(VIP, [3], { protocol: 'sctp' })] },
      { connect: times(2, VIP, { protocol: 'sctp' }) },
    ],
  },
  {
    name: 'refused',
    steps: [
      { serve: [served(VIP, []), weighted(VIP6, [0, 0, 0], {})] },
      { connect: [...times(1, VIP), ...times(1, VIP6)] },
      { serve: [served(VIP, [3]), served(VIP6, [3])] },
      { connect: [...times(1, VIP), ...times(1, VIP6)] },
    ],
  },
];
