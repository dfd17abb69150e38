// SPDX-License-Identifier: Apache-2.0
import type { Backend, BalanceModel, Forwarding, Frontend } from '../model/frontend.ts';
import { KERNEL_SCHEDULER_OF } from '../model/kernel-schedulers.ts';
import {
  type IpvsTable,
  type PacketForwarding,
  type RealServer,
  serverKey,
  type VirtualService,
} from './virtual-service.ts';

/**
 * What the kernel's table has to be for a model whose front ends are resolved (`ipvs-forwarding.ts`). Front ends with `bypass` are
 * left out: what comes for them goes to whoever listens at the address. Pure.
 */
export function modelTable({ frontends }: BalanceModel): IpvsTable {
  const table = new Map<string, VirtualService>();
  for (const frontend of frontends.values()) {
    if (frontend.forwarding !== 'bypass') table.set(frontend.id, serviceOf(frontend));
  }
  return table;
}

/** Of what `ipvs-forwarding.ts` lets through; the rest it has turned into one of these. */
const FORWARDING: Readonly<Record<Forwarding, PacketForwarding>> = {
  nat: 'masq',
  directRoute: 'route',
  tunnel: 'tunnel',
  dsr: 'masq',
  local: 'masq',
  bypass: 'masq',
};

/** What was made of a front end is kept with it: front ends that did not change are the same objects. */
const known = new WeakMap<Frontend, VirtualService>();

function serviceOf(frontend: Frontend): VirtualService {
  const before = known.get(frontend);
  if (before !== undefined) return before;
  const { id, protocol, address, port, scheduler, kernelScheduler, affinitySeconds } = frontend;
  const servers = frontend.backends.map((backend) => serverOf(frontend, backend));
  const service = {
    id,
    protocol,
    address,
    port,
    scheduler: kernelScheduler ?? KERNEL_SCHEDULER_OF[scheduler],
    persistentSeconds: affinitySeconds,
    servers: new Map(servers.map((server) => [serverKey(server), server])),
  };
  known.set(frontend, service);
  return service;
}

function serverOf(frontend: Frontend, { address, port, weight, byNat }: Backend): RealServer {
  const forwarding = byNat === true ? 'masq' : FORWARDING[frontend.forwarding];
  return { address, port, weight, forwarding };
}
