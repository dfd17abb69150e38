// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';

/** Engines that the demo can show. */
export type DemoEngine = 'raft' | 'lease';

/** What the demo was asked for. */
export interface DemoOptions {
  /** Print one JSON object as the last line of standard output. */
  readonly json: boolean;
  /** Leave the cluster up afterwards. */
  readonly keep: boolean;
  /** How owners are chosen. */
  readonly engine: DemoEngine;
  readonly help: boolean;
}

/** Text of `--help`. */
export const DEMO_USAGE = `npm run demo [-- options]

A cluster in private network namespaces; kubectl expose gives a Service an address that answers and keeps answering.

  --json   print one JSON object with everything measured as the last line
  --keep   leave the cluster up and say how to use it
  --engine raft|lease
           how owners are chosen: by the agents among themselves (raft), or by Leases as with kube-vip
  --help`;

/** Reads the command line; throws one line that names the unknown option. */
export function parseDemoOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      engine: { type: 'string', default: 'raft' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { engine } = values;
  if (engine !== 'raft' && engine !== 'lease') {
    throw new Error(`--engine ${engine}: expected raft or lease`);
  }
  return { ...values, engine };
}
