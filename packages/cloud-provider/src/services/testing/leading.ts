// SPDX-License-Identifier: Apache-2.0
import { type Address, address } from '@fairlead/shared/address/address.ts';
import type { Condition } from '@fairlead/shared/kubernetes/objects.ts';
import { afterEach, expect, vi } from 'vitest';
import { allocationConditionOf } from '../conditions.ts';
import { createRig, type Rig, type RigOptions } from './fake-cluster.ts';
import { tracesOf } from './traces.ts';

/** Three addresses for everybody. */
export const RANGE = { 'range-global': '172.18.0.200-172.18.0.202' };

const rigs: Rig[] = [];

/** A reconciler on {@link RANGE} unless told otherwise; it ends with the test. */
export function standby(options: RigOptions = {}): Rig {
  const rig = createRig({ data: RANGE, ...options });
  rigs.push(rig);
  return rig;
}

/** A {@link standby} that leads. */
export function leading(options: RigOptions = {}): Rig {
  const rig = standby(options);
  rig.lead();
  return rig;
}

afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.stop()));
});

/** Waits until the condition holds; far below its limit unless something is broken. */
export function until(condition: () => void): Promise<void> {
  return vi.waitFor(condition, { timeout: 3_000, interval: 2 });
}

/** Text of the address annotation. */
export function addressOf(rig: Rig, name: string): string | undefined {
  return rig.cluster.get(name)?.metadata?.annotations?.['kube-vip.io/loadbalancerIPs'];
}

/** Our condition of a Service. */
export function conditionOf(rig: Rig, name: string): Condition | undefined {
  const service = rig.cluster.get(name);
  return service && allocationConditionOf(service);
}

/** `True Allocated`, `False PoolExhausted`; undefined without the condition. */
export function verdictOf(rig: Rig, name: string): string | undefined {
  const condition = conditionOf(rig, name);
  return condition && `${condition.status} ${condition.reason}`;
}

/** Waits until the Service has this address and says so. */
export async function hasAddress(rig: Rig, name: string, text: string): Promise<void> {
  await until(() => expect([addressOf(rig, name), verdictOf(rig, name)]).toEqual([text, 'True Allocated']));
}

/** Who holds an address. */
export function holderOf(rig: Rig, text: string): string | undefined {
  const parsed: Address = address(text);
  return rig.holdings.holderOf(parsed);
}

/** Waits until nothing of ours is left in the Service. */
export async function isClean(rig: Rig, name: string): Promise<void> {
  await until(() => expect(tracesOf(rig.cluster.get(name))).toEqual([]));
}

/** Texts of the Warnings so far, with the Service each is about. */
export function warnings(rig: Rig): string[] {
  return rig.events
    .filter(({ type }) => type === 'Warning')
    .map(({ about, message }) => `${about}: ${message}`);
}

/** Lets everything that is under way go on for a moment, to see that nothing happens. */
export function aMoment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
