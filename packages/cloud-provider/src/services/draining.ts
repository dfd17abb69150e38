// SPDX-License-Identifier: Apache-2.0
import { type Address, addressOf, formatAddress } from '@fairlead/shared/address/address.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';

/** An address that was replaced and is held on for a while, so that clients have time to learn the new one. */
export interface Drain {
  readonly address: Address;
  /** When it goes; Unix time. */
  readonly untilMs: number;
}

/** The drains that the annotation lists. What cannot be read is left out: such an address counts as a usual one. */
export function drainsOf(service: Service): readonly Drain[] {
  const text = service.metadata?.annotations?.[ANNOTATION.draining] ?? '';
  return text.split(',').flatMap((entry) => {
    const [first = '', end = ''] = entry.trim().split('=');
    const address = addressOf(first);
    const untilMs = Date.parse(end);
    return address === undefined || Number.isNaN(untilMs) ? [] : [{ address, untilMs }];
  });
}

/** The value of the annotation; undefined without drains. */
export function formatDrains(drains: readonly Drain[]): string | undefined {
  if (drains.length === 0) return undefined;
  return drains.map(({ address, untilMs }) => `${formatAddress(address)}=${isoSeconds(untilMs)}`).join();
}

function isoSeconds(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
