// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';

/** Command line of `bench flood`. */
export interface FloodOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** First packets of TCP connections offered per second. */
  readonly synsPerSecond: number;
  /** Connections of all attackers of the HTTP flood together. */
  readonly connections: number;
}

/** Reads `--rounds N --seconds N --syns N --connections N`. Throws on anything else. */
export function parseFloodOptions(args: readonly string[]): FloodOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '2' },
      seconds: { type: 'string', default: '20' },
      syns: { type: 'string', default: '22000' },
      connections: { type: 'string', default: '200' },
    },
    strict: true,
    allowPositionals: false,
  });
  return {
    rounds: wholeNumber('rounds', values.rounds),
    seconds: wholeNumber('seconds', values.seconds),
    synsPerSecond: wholeNumber('syns', values.syns),
    connections: wholeNumber('connections', values.connections),
  };
}

function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new Error(`--${name} is "${text}", expected a whole number from 1 to 9999999`);
}
