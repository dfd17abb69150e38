// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';

/** Data planes, and ways of the kernel's, that can carry the load. */
const PLANES = ['nftables', 'dsr', 'ipvs', 'userspace'] as const;
/** One of {@link PLANES}; `dsr` is nftables with direct return. */
export type Plane = (typeof PLANES)[number];

/** Command line of `bench load`. */
export interface LoadOptions {
  readonly rounds: number;
  /** Of each run of the load generator. */
  readonly requests: number;
  readonly concurrency: number;
  /** How often a pod dies in each way. */
  readonly deaths: number;
  readonly plane: Plane;
}

/** Reads `--rounds N --requests N --concurrency N --deaths N --plane PLANE`; the case study's load by default. Throws on anything else. */
export function parseLoadOptions(args: readonly string[]): LoadOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      requests: { type: 'string', default: '20000' },
      concurrency: { type: 'string', default: '100' },
      deaths: { type: 'string', default: '5' },
      plane: { type: 'string', default: 'nftables' },
    },
    strict: true,
  });
  return {
    rounds: positive('rounds', values.rounds),
    requests: positive('requests', values.requests),
    concurrency: positive('concurrency', values.concurrency),
    deaths: positive('deaths', values.deaths),
    plane: planeOf(values.plane),
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name}: expected a whole number above 0, got "${text}"`);
}

function planeOf(text: string): Plane {
  const plane = PLANES.find((candidate) => candidate === text);
  if (plane !== undefined) return plane;
  throw new Error(`--plane: "${text}" is none of ${PLANES.join(', ')}`);
}
