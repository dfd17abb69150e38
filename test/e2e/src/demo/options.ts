// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';

/** What the demo was asked for. */
export interface DemoOptions {
  /** Print one JSON object as the last line of standard output. */
  readonly json: boolean;
  /** Leave the cluster up afterwards. */
  readonly keep: boolean;
  readonly help: boolean;
}

/** Text of `--help`. */
export const DEMO_USAGE = `npm run demo [-- options]

A cluster in private network namespaces; kubectl expose gives a Service an address that answers and keeps answering.

  --json   print one JSON object with everything measured as the last line
  --keep   leave the cluster up and say how to use it
  --help`;

/** Reads the command line; throws one line that names the unknown option. */
export function parseDemoOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return values;
}
