// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';

/** Everything that can be measured, in the order of the output. */
export const KINDS = [
  'unplug',
  'silentDrop',
  'kill',
  'freeze',
  'coordinator',
  'drain',
  'rollingRestart',
  'thousand',
  'keepalivedDefault',
  'keepalived100ms',
] as const;

/** One of {@link KINDS}. */
export type Kind = (typeof KINDS)[number];

/** Command line of `bench failover`. */
export interface FailoverOptions {
  readonly rounds: number;
  readonly only: ReadonlySet<Kind>;
  readonly engine: 'raft' | 'lease';
  /** For pauses of random length. */
  readonly seed: number;
  /** Keeps the logs of the cluster and says where. */
  readonly keepLogs: boolean;
}

/** Reads `--rounds N --only KIND,KIND --engine raft|lease --seed N --keep-logs`. Throws on anything else. */
export function parseFailoverOptions(args: readonly string[]): FailoverOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '20' },
      only: { type: 'string' },
      engine: { type: 'string', default: 'raft' },
      seed: { type: 'string', default: '1' },
      'keep-logs': { type: 'boolean', default: false },
    },
    strict: true,
    allowPositionals: false,
  });
  const { engine } = values;
  if (engine !== 'raft' && engine !== 'lease')
    throw new Error(`--engine is "${engine}", expected raft or lease`);
  const possible = KINDS.filter((kind) => engine === 'raft' || kind !== 'coordinator');
  const chosen = values.only?.split(',') ?? possible;
  for (const kind of chosen) {
    if (!possible.includes(kind as Kind))
      throw new Error(`--only names "${kind}", expected some of ${possible.join(',')} (engine ${engine})`);
  }
  return {
    rounds: wholeNumber('rounds', values.rounds),
    only: new Set(chosen as readonly Kind[]),
    engine,
    seed: wholeNumber('seed', values.seed),
    keepLogs: values['keep-logs'],
  };
}

function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new Error(`--${name} is "${text}", expected a whole number above 0`);
}
