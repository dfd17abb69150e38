// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';

/** Command line of `bench updates`. */
export interface UpdateOptions {
  /** Numbers of Services, ascending. */
  readonly services: readonly number[];
  /** Changes that are timed with each number. */
  readonly changes: number;
  /** Changes during which a flow goes on. */
  readonly flowChanges: number;
  /** Changes between which the client looks where new flows go. */
  readonly looks: number;
}

/** Reads `--services N,N --changes N --flow-changes N --looks N`. Throws on anything else. */
export function parseUpdateOptions(args: readonly string[]): UpdateOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      services: { type: 'string', default: '100,1000,10000' },
      changes: { type: 'string', default: '300' },
      'flow-changes': { type: 'string', default: '1000' },
      looks: { type: 'string', default: '20' },
    },
    strict: true,
    allowPositionals: false,
  });
  const services = values.services.split(',').map((text) => positive('services', text, 10_000));
  if (services.some((count, index) => count <= (services[index - 1] ?? 0)))
    throw new Error(`--services: expected ascending numbers, got "${values.services}"`);
  return {
    services,
    changes: positive('changes', values.changes, 100_000),
    flowChanges: positive('flow-changes', values['flow-changes'], 100_000),
    looks: positive('looks', values.looks, 1_000),
  };
}

function positive(name: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= most) return value;
  throw new Error(`--${name}: expected whole numbers from 1 to ${most}, got "${text}"`);
}
